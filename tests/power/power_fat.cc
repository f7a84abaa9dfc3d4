// SPDX-License-Identifier: GPL-2.0-or-later
// Cuts the power of the fat driver: power_fat KIND STATES [SEED] [control].
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/fat/finish_renames.h"
#include "contained/fat/tests/fat_image.h"
#include "tests/power/crash_states.h"
#include "tests/power/fat_reader.h"
#include "tests/power/workload.h"

namespace airlock::power {
namespace {

constexpr int kOperations = 160;
constexpr std::size_t kStatesOfASession = 500;

struct Kind {
  std::string_view name;
  const char* options;
  unsigned kibibytes;
};
constexpr std::array kKinds = {Kind{"fat12", "-F12 -s1", 1440}, Kind{"fat16", "-F16 -s2", 5000},
                               Kind{"fat32", "-F32 -s1", 3000}, Kind{"exfat", "exfat -c4K", 3000},
                               Kind{"exfat1k", "exfat -c1K -b4K", 2000}};

// The driver of what is on the medium, with everything it needs.
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
  // Null where it could not be mounted.
  FileSystem* files() { return driver_.get(); }

 private:
  std::unique_ptr<fat::Volume> volume_;
  fat::UpcaseTable upcase_;
  std::unique_ptr<FileSystem> driver_;
};

struct Session {
  const std::vector<std::byte>& before;
  unsigned seed = 1;
  std::size_t most = 0;
  RecordingMedium::Flushes flushes = RecordingMedium::Flushes::kHonest;
};

struct Result {
  StateCounts states;
  std::string wrong;
};

History::Step answered(const RecordingMedium::Log& log, std::size_t events) {
  while (events > 0 && log[events - 1].kind != RecordingMedium::Event::Kind::kMark) --events;
  return events == 0 ? 0 : static_cast<History::Step>(log[events - 1].mark);
}

// What the check does first: of two names one goes.
std::string judge_finished(const CrashState& state, const History& history, History::Step done) {
  RecordingMedium medium({state.image.begin(), state.image.end()});
  const auto finished = fat::finish_renames(medium);
  if (!finished) return "its renamings can't be finished";
  const FatReading reading = read_fat(medium.bytes());
  if (!reading.wrong.empty()) return "finished: " + reading.wrong;
  const std::string wrong = history.judge(reading.tree, done, History::Names::kOne);
  return wrong.empty() ? "" : "finished: " + wrong;
}

std::string judge(const CrashState& state, const RecordingMedium::Log& log,
                  const History& history) {
  const History::Step done = answered(log, state.events);
  const FatReading reading = read_fat(state.image);
  if (!reading.wrong.empty()) return reading.wrong;
  if (auto wrong = history.judge(reading.tree, done, History::Names::kOldAndNew); !wrong.empty())
    return wrong;
  return judge_finished(state, history, done);
}

Result run(const Session& session) {
  RecordingMedium medium(session.before, session.flushes);
  History history;
  {
    Mounted mounted(medium);
    if (mounted.files() == nullptr) return {.states = {}, .wrong = "it cannot be mounted"};
    Workload workload(*mounted.files(), medium, history, {.seed = session.seed});
    if (auto wrong = workload.run(kOperations); !wrong.empty())
      return {.states = {}, .wrong = wrong};
    history.next();
    mounted.files()->unmounted();
    history.synced();
    medium.mark(kOperations + 1);
  }
  Result result;
  CrashStates states(session.before, medium.log(), {.seed = session.seed, .most = session.most});
  result.states = states.run([&](const CrashState& state) {
    const std::string wrong = judge(state, medium.log(), history);
    if (!wrong.empty())
      result.wrong = fmt::format("seed {}, {}: {}", session.seed, state.text(), wrong);
    return wrong.empty();
  });
  return result;
}

// Sessions one after the other until there were so many states, or one is wrong.
Result run_all(const Kind& kind, std::size_t states, unsigned seed,
               RecordingMedium::Flushes flushes) {
  const auto before = fat::make_fat_image(kind.options, kind.kibibytes);
  Result all;
  while (all.states.all() < states && all.wrong.empty()) {
    const std::size_t most = std::min(kStatesOfASession, states - all.states.all() + 20);
    const Result one = run({.before = before, .seed = seed++, .most = most, .flushes = flushes});
    all.states += one.states;
    all.wrong = one.wrong;
  }
  return all;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

int main_with(const std::vector<std::string_view>& words) {
  const auto kind =
      words.size() < 2 ? kKinds.end() : std::ranges::find(kKinds, words[0], &Kind::name);
  const auto states = words.size() < 2 ? std::nullopt : number(words[1]);
  const bool control = !words.empty() && words.back() == "control";
  const auto seed = words.size() > 2 && !(control && words.size() == 3) ? number(words[2]) : 1;
  if (kind == kKinds.end() || !states || !seed) {
    fmt::print(stderr, "usage: power_fat KIND STATES [SEED] [control]\n");
    return 2;
  }
  const auto flushes =
      control ? RecordingMedium::Flushes::kForgotten : RecordingMedium::Flushes::kHonest;
  const Result result = run_all(*kind, *states, *seed, flushes);
  fmt::print("{}{}: {}{}{}\n", kind->name, control ? " without flushes" : "", result.states.text(),
             result.wrong.empty() ? ", nothing is lost" : "; ", result.wrong);
  // Without an order there has to be a loss.
  return result.wrong.empty() != control ? 0 : 1;
}

}  // namespace
}  // namespace airlock::power

int main(int argc, char** argv) {
  return airlock::power::main_with({argv + 1, argv + argc});
}
