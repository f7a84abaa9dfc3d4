// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts the power of the fat driver: power_fat KIND STATES [SEED] [control].
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/fat/finish_renames.h"
#include "contained/fat/tests/fat_image.h"
#include "tests/power/crash_program.h"
#include "tests/power/fat_reader.h"
#include "tests/power/pairs.h"
#include "tests/power/workload.h"

namespace airlock::power {
namespace {

constexpr int kOperations = 160;
constexpr NodeId kRoot = 1;
constexpr std::size_t kStatesOfASession = 500;

struct Kind {
  std::string_view name;
  const char* options;
  unsigned kibibytes;
  bool pairs = false;  // the workloads are Pairs; the seed counts them
};
constexpr std::array kKinds = {Kind{"fat12", "-F12 -s1", 1440},
                               Kind{"fat16", "-F16 -s2", 5000},
                               Kind{"fat32", "-F32 -s1", 3000},
                               Kind{"exfat", "exfat -c4K", 3000},
                               Kind{"exfat1k", "exfat -c1K -b4K", 2000},
                               Kind{"fat32-pairs", "-F32 -s1", 300, true},
                               Kind{"exfat-pairs", "exfat -c1K -b4K", 400, true}};

// The driver for the volume on the medium, and everything it needs.
class Mounted {
 public:
  explicit Mounted(BlockIo& medium) {
    if (const auto exfat = fat::is_exfat(medium); exfat && *exfat) {
      auto opened = fat::open_exfat(medium, fat::MountMode::kReadWrite);
      if (!opened) return;
      volume_ = std::move(opened->volume);
      upcase_ = std::move(opened->upcase);
      driver_ = std::make_unique<fat::ExfatDriver>(*volume_, upcase_, fat::View{});
    } else if (auto opened_fat = fat::Volume::open(medium, fat::MountMode::kReadWrite)) {
      volume_ = *std::move(opened_fat);
      driver_ = std::make_unique<fat::FatDriver>(*volume_, fat::View{});
    }
  }
  // Null if the volume could not be mounted.
  FileSystem* files() { return driver_.get(); }

 private:
  std::unique_ptr<fat::Volume> volume_;
  fat::UpcaseTable upcase_;
  std::unique_ptr<FileSystem> driver_;
};

// The first step of the check: it removes one of two names.
std::string judge_finished(const CrashState& state, const History& history, History::Step done,
                           ScratchMedium& medium) {
  medium.assign(state.image);
  const auto finished = fat::finish_renames(medium);
  if (!finished) return "its renamings can't be finished";
  const FatReading reading = read_fat(medium.bytes());
  if (!reading.wrong.empty()) return "finished: " + reading.wrong;
  const std::string wrong = history.judge(reading.tree, done, History::Names::kOne);
  return wrong.empty() ? "" : "finished: " + wrong;
}

std::string judge(const CrashState& state, const RecordingMedium::Log& log, const History& history,
                  ScratchMedium& scratch) {
  const History::Step done = acknowledged(log, state.events);
  const FatReading reading = read_fat(state.image);
  if (!reading.wrong.empty()) return reading.wrong;
  if (auto wrong = history.judge(reading.tree, done, History::Names::kOldAndNew); !wrong.empty())
    return wrong;
  return judge_finished(state, history, done, scratch);
}

// Does the work. For pairs, `before` becomes the medium at the beginning of the log.
std::string work(FileSystem& files, RecordingMedium& medium, History& history, const Turn& turn,
                 bool pairs, std::vector<std::byte>& before) {
  if (!pairs) return Workload(files, medium, history, {.seed = turn.seed}).run(kOperations);
  Pairs all(files, medium, history, kRoot);
  if (auto wrong = all.prepare(); !wrong.empty()) return wrong;
  before = medium.bytes();
  return all.run(turn.seed - 1);
}

Result run(std::vector<std::byte> before, bool pairs, const Turn& turn) {
  RecordingMedium medium(before, turn.control ? RecordingMedium::Flushes::kForgotten
                                              : RecordingMedium::Flushes::kHonest);
  History history;
  {
    Mounted mounted(medium);
    if (mounted.files() == nullptr) return {.states = {}, .wrong = "it cannot be mounted"};
    if (auto wrong = work(*mounted.files(), medium, history, turn, pairs, before); !wrong.empty())
      return {.states = {}, .wrong = wrong};
    const auto last = history.next();
    mounted.files()->unmounted();
    history.synced();
    medium.mark(static_cast<std::uint64_t>(last));
  }
  ScratchMedium scratch(before);
  return judge_states(
      before, medium.log(), {.seed = turn.seed, .most = turn.most},
      [&](const CrashState& state) { return judge(state, medium.log(), history, scratch); });
}

std::vector<std::string_view> kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

Sessions find(std::string_view name) {
  const auto* const kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == kKinds.end()) return {};
  return {.run = [before = fat::make_fat_image(kind->options, kind->kibibytes),
                  pairs = kind->pairs](const Turn& turn) { return run(before, pairs, turn); },
          .count = kind->pairs ? Pairs::count() : 0};
}

}  // namespace
}  // namespace airlock::power

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  return airlock::power::run_program({.name = "power_fat",
                                      .without = "flushes",
                                      .states_of_a_session = airlock::power::kStatesOfASession,
                                      .kinds = airlock::power::kinds(),
                                      .find = airlock::power::find},
                                     words);
}
