// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts the power of the ext driver on volumes without a journal: power_ext KIND STATES [SEED]
// [control]. e2fsck repairs each state and libext2fs reads it. The control lacks the order of
// writes: only the last flush of an operation counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contained/ext/ext_driver.h"
#include "contained/ext/tests/test_image.h"
#include "lib/base/unique_fd.h"
#include "tests/power/crash_program.h"
#include "tests/power/ext_reader.h"
#include "tests/power/moves.h"
#include "tests/power/workload.h"

namespace airlock::power {
namespace {

constexpr int kOperations = 160;
constexpr std::size_t kStatesOfASession = 250;

// Without a journal a directory block must not tear, so the medium has sectors as large as blocks.
// With a journal even the smallest sectors are enough.
struct Kind {
  std::string_view name;
  const char* options;
  std::size_t sector = 1024;
  bool moves = false;  // the workload is Moves
};
constexpr std::array kKinds = {
    Kind{"ext4", "-t ext4 -b 1024 -O ^has_journal -N 256"},
    Kind{"ext4-4k", "-t ext4 -b 4096 -O ^has_journal -N 256", 4096},
    Kind{"ext2", "-t ext2 -b 1024 -N 256"},
    Kind{"ext4-moves", "-t ext4 -b 1024 -O ^has_journal -N 256", 1024, true},
    Kind{"ext2-moves", "-t ext2 -b 1024 -N 256", 1024, true},
    Kind{"journal", "-t ext4 -b 1024 -J size=1 -N 256", kSector},
};

// A file in memory for programs that need a name. It is filled in place: that takes most of the
// time of a state.
class Scratch {
 public:
  Scratch() {
    std::string path = std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    path += "/airlock-power-XXXXXX";
    descriptor_ = UniqueFd(::mkstemp(path.data()));
    path_ = path;
  }
  ~Scratch() { (void)::unlink(path_.c_str()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool fill(std::span<const std::byte> image) const {
    const auto written = ::pwrite(descriptor_.get(), image.data(), image.size(), 0);
    return written == static_cast<ssize_t>(image.size()) &&
           ::ftruncate(descriptor_.get(), written) == 0;
  }

 private:
  std::string path_;
  UniqueFd descriptor_;
};

// The exit code of e2fsck.
int repair(const std::string& file, const std::string& report) {
  std::string program = "e2fsck", flags = "-fy", name = file;
  std::array<char*, 4> arguments = {program.data(), flags.data(), name.data(), nullptr};
  std::string path = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  std::array<char*, 2> environment = {path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, report.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  int status = -1;
  const bool started = ::posix_spawnp(&child, "e2fsck", &actions, nullptr, arguments.data(),
                                      environment.data()) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  if (!started || ::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// As if the driver waited for the medium only at the end of each request.
RecordingMedium::Log without_order(const RecordingMedium::Log& log) {
  RecordingMedium::Log kept;
  for (std::size_t i = 0; i < log.size(); ++i) {
    using EventKind = RecordingMedium::Event::Kind;
    const bool inner = log[i].kind == EventKind::kFlush && i + 1 < log.size() &&
                       log[i + 1].kind != EventKind::kMark;
    if (!inner) kept.push_back(log[i]);
  }
  return kept;
}

// A directory that grew may have a name twice, each time for the same file.
Tree without_repeated(Tree tree) {
  std::set<std::pair<std::string, std::uint64_t>> seen;
  std::erase_if(tree, [&](const Found& found) {
    return !found.folder && !seen.emplace(found.path, found.identity).second;
  });
  return tree;
}

class Judge {
 public:
  // Without a history for Moves.
  Judge(const RecordingMedium::Log& log, const History* history) : log_(log), history_(history) {}

  std::string judge(const CrashState& state) {
    if (!image_.fill(state.image)) return "the image cannot be written";
    const int status = repair(image_.path(), report_.path());
    if (status < 0 || status > 1)
      return fmt::format("e2fsck ended with {}\n{}", status, text_of(report_.path()));
    const ExtReading reading = read_ext(image_.path());
    std::string wrong = reading.wrong;
    if (wrong.empty()) wrong = judge_tree(reading.tree, state.events);
    return wrong.empty() ? wrong : fmt::format("{}\n{}", wrong, text_of(report_.path()));
  }

 private:
  [[nodiscard]] std::string judge_tree(const Tree& tree, std::size_t events) const {
    if (history_ == nullptr) return Moves::judge(tree);
    return history_->judge(without_repeated(tree), acknowledged(log_, events),
                           History::Names::kOldAndNew, History::Contents::kHoles);
  }

  const RecordingMedium::Log& log_;
  const History* history_;
  Scratch image_;
  Scratch report_;
};

// Mounts a volume. `work` returns the failure.
template <typename Work>
std::string mounted(BlockIo& medium, Work work) {
  auto volume = ext::Volume::open(medium, ext::MountMode::kReadWrite);
  if (!volume) return volume.error().message();
  DriverOptions options;
  options.owners = MediaOwners::kMedia;
  ext::ExtDriver driver(**volume, options);
  (*volume)->begin_writing();
  auto wrong = work(driver);
  if (wrong.empty()) driver.unmounted();
  return wrong;
}

// The seed also decides where names lie in a hashed folder: a repeated run finds the same.
std::vector<std::byte> make_medium(const Kind& kind, unsigned seed) {
  const std::string uuid = fmt::format("{:08x}-0000-4000-8000-000000000001", seed);
  auto image = ext::testing::make_image(
      fmt::format("{0} -U {1} -E hash_seed={1}", kind.options, uuid), "6M");
  if (!kind.moves) return image;
  RecordingMedium medium(std::move(image));
  const auto wrong =
      mounted(medium, [&](FileSystem& files) { return Moves(files, medium, 0).prepare(); });
  if (!wrong.empty()) fmt::print(stderr, "the files cannot be made: {}\n", wrong);
  return medium.bytes();
}

// Records the work of a driver on the medium; returns the failure, if any.
std::string record(RecordingMedium& medium, History& history, const Kind& kind, unsigned seed) {
  if (kind.moves)
    return mounted(medium,
                   [&](FileSystem& files) { return Moves(files, medium, seed).run(kOperations); });
  // When a folder replaces an empty one it has two names for a moment, and e2fsck removes the one
  // it finds later: perhaps that of the empty one.
  const bool journal = kind.name == "journal";
  auto wrong = mounted(medium, [&](FileSystem& files) {
    Workload workload(files, medium, history, {.seed = seed, .replace_folders = journal});
    return workload.run(kOperations);
  });
  history.next();
  history.synced();
  medium.mark(kOperations + 1);
  return wrong;
}

Result run(const Kind& kind, const Turn& turn) {
  const auto before = make_medium(kind, turn.seed);
  RecordingMedium medium(before);
  History history;
  if (auto wrong = record(medium, history, kind, turn.seed); !wrong.empty())
    return {.states = {}, .wrong = wrong};
  const auto log = turn.control ? without_order(medium.log()) : medium.log();
  Judge judge(log, kind.moves ? nullptr : &history);
  return judge_states(before, log, {.seed = turn.seed, .most = turn.most, .sector = kind.sector},
                      [&](const CrashState& state) { return judge.judge(state); });
}

std::vector<std::string_view> kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

Sessions find(std::string_view name) {
  const auto* const kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == kKinds.end()) return {};
  return {.run = [kind](const Turn& turn) { return run(*kind, turn); }};
}

}  // namespace
}  // namespace airlock::power

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  return airlock::power::run_program({.name = "power_ext",
                                      .without = "an order",
                                      .states_of_a_session = airlock::power::kStatesOfASession,
                                      .kinds = airlock::power::kinds(),
                                      .find = airlock::power::find},
                                     words);
}
