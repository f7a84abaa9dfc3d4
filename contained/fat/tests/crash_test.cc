// SPDX-License-Identifier: GPL-2.0-or-later
// Interrupts a session at its writes and has fsck and a reader check the result: only lost clusters
// and wrong counts are permitted, and every file is there as last synced or as changed since.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

#include "contained/fat/finish_renames.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"
#include "contained/fat/tests/ownership.h"

namespace airlock::fat {
namespace {

using Files = std::map<std::string, std::string>;

struct Synced {
  std::size_t events = 0;  // writes and flushes before sync() returned
  Files files;
};

class Recording {
 public:
  explicit Recording(std::vector<std::byte> image) : medium_(std::move(image)) {}

  void run(unsigned seed) {
    before_ = medium_.bytes();
    medium_.record();
    MountedFat mounted(medium_);
    ASSERT_TRUE(mounted.opened());
    random_.seed(seed);
    for (int i = 0; i < 3; ++i)
      folders_.push_back(mounted.make(kRoot, "folder number " + std::to_string(i), S_IFDIR));
    folders_.push_back(kRoot);
    remember(mounted);
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 12; ++i) change(mounted);
      remember(mounted);
    }
    mounted.close();
    synced_.push_back({.events = medium_.events().size(), .files = files_});
    touched_.emplace_back();
  }

  [[nodiscard]] std::vector<std::byte>& before() { return before_; }
  [[nodiscard]] std::vector<MemoryMedium::Event>& events() { return medium_.events(); }
  // The possible names and contents of a file after that many events: as at the last sync before,
  // or as at any moment up to the next.
  [[nodiscard]] const Synced& last_sync(std::size_t events) const {
    const Synced* last = &synced_.front();
    for (const Synced& synced : synced_) {
      if (synced.events <= events) last = &synced;
    }
    return *last;
  }
  // Files whose name or content changed after that sync and before the following one.
  [[nodiscard]] std::set<std::string> unsettled(std::size_t events) const {
    for (std::size_t i = 0; i < synced_.size(); ++i) {
      if (synced_[i].events > events) return touched_[i];
    }
    return {};
  }

 private:
  unsigned pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }
  std::string path(unsigned folder, unsigned number) {
    return std::to_string(folder) + "/a file with number " + std::to_string(number) + ".txt";
  }
  static std::string name_in(const std::string& path) { return path.substr(2); }
  NodeId folder_in(const std::string& path) {
    return folders_[static_cast<unsigned>(path[0] - '0')];
  }

  void remember(MountedFat& mounted) {
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
    synced_.push_back({.events = medium_.events().size(), .files = files_});
    touched_.push_back(std::exchange(touching_, {}));
  }

  void change(MountedFat& mounted) {
    const std::string chosen = path(pick(4), pick(9));
    touching_.insert(chosen);
    const bool exists = files_.contains(chosen);
    switch (exists ? pick(4) : 0) {
      case 0: {
        const NodeId node = exists ? mounted.find(folder_in(chosen), name_in(chosen))
                                   : mounted.make(folder_in(chosen), name_in(chosen));
        std::string& content = files_[chosen];
        const std::string text(1 + pick(9000), static_cast<char>('a' + pick(26)));
        ASSERT_EQ(mounted.write(node, content.size(), text), 0);
        content += text;
        break;
      }
      case 1:
        ASSERT_EQ(mounted.unlink(folder_in(chosen), name_in(chosen)), 0);
        files_.erase(chosen);
        break;
      case 2: {
        const std::string other = path(pick(4), pick(9));
        if (other == chosen) break;
        touching_.insert(other);
        ASSERT_EQ(
            mounted.rename(folder_in(chosen), name_in(chosen), folder_in(other), name_in(other)),
            0);
        files_[other] = files_[chosen];
        files_.erase(chosen);
        break;
      }
      default: {
        const NodeId node = mounted.find(folder_in(chosen), name_in(chosen));
        const std::size_t size = pick(static_cast<unsigned>(files_[chosen].size()) + 3000);
        ASSERT_EQ(mounted.resize(node, size), 0);
        files_[chosen].resize(size);
      }
    }
  }

  MemoryMedium medium_;
  std::vector<std::byte> before_;
  std::mt19937 random_;
  std::vector<NodeId> folders_;
  Files files_;
  std::vector<Synced> synced_;
  std::set<std::string> touching_;
  std::vector<std::set<std::string>> touched_;
};

// The lines of fsck.fat and fsck.exfat about permitted effects of an interruption, and their
// details.
bool is_permitted(const std::string& line) {
  static const std::regex kPermitted(
      R"(|fsck\.fat .*|/.*|Leaving filesystem unchanged\.| *Auto.*|.*Dirty bit is set.*)"
      // One copy of the table was written, the other not yet.
      R"(|FATs differ but appear to be intact\.|  Using first FAT\.)"
      R"(|Reclaimed \d+ unused clusters? \(\d+ bytes\)\.?)"
      R"(|Free cluster summary wrong .*|Free cluster summary uninitialized .*)"
      // Unused clusters at the end of a file.
      R"(|  File size is \d+ bytes, cluster chain length is > \d+ bytes\.)"
      R"(|  Truncating file to \d+ bytes\.)"
      R"(|exfatprogs version : .*|ERROR: /.*: more clusters are allocated\. truncate to .*)"
      // In the boot sector: only the mark that the volume is in use.
      R"(|There are differences between boot sector and its backup\.)"
      R"(|This is mostly harmless\. Differences: .*|  65:0[01]/0[01]|  Not automatically fixing this\.)"
      // The front of a long name without the rest.
      R"(|Orphaned long file name part .*)");
  return std::regex_match(line, kPermitted);
}

void expect_permitted(const std::string& report) {
  std::istringstream lines(report);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(is_permitted(line)) << line << " -- in:\n" << report;
  EXPECT_EQ(report.find("share clusters"), std::string::npos) << report;
}

class Judge {
 public:
  explicit Judge(Recording& recording)
      : recording_(recording), arrived_(recording.before()), durable_(recording.before()) {}

  // The first `count` events arrived, in order.
  void advance(std::size_t count) {
    for (; applied_ < count; ++applied_) {
      const MemoryMedium::Event& event = recording_.events()[applied_];
      apply(arrived_, event);
      if (!event.is_flush()) continue;
      for (; flushed_ <= applied_; ++flushed_) apply(durable_, recording_.events()[flushed_]);
    }
    arrived_.keep();
    durable_.keep();
  }

  // All of them arrived. Calls `use` with the medium and restores it afterwards.
  template <typename Use>
  void in_order(Use use) {
    use(arrived_);
    arrived_.take_back();
  }

  // Each write since the last flush arrived or did not.
  template <typename Use>
  void shuffled(std::mt19937& random, Use use) {
    for (std::size_t i = flushed_; i < applied_; ++i) {
      if (random() % 2 == 0) apply(durable_, recording_.events()[i]);
    }
    use(durable_);
    durable_.take_back();
  }

  void judge(ScratchMedium& medium, std::size_t count) {
    SCOPED_TRACE("after " + std::to_string(count) + " events");
    // The first step of a check.
    ASSERT_TRUE(finish_renames(medium).has_value());
    const Opinion verdict = fsck_fat(medium);
    // Repairable: 1 from fsck.fat, 4 from fsck.exfat.
    ASSERT_TRUE(verdict.status <= 1 || verdict.status == 4) << verdict.report;
    ASSERT_NO_FATAL_FAILURE(expect_permitted(verdict.report));
    MountedFat mounted(medium, MountMode::kReadOnly);
    ASSERT_TRUE(mounted.opened()) << mounted.error();
    const std::set<std::string> unsettled = recording_.unsettled(count);
    for (const auto& [path, content] : recording_.last_sync(count).files) {
      if (unsettled.contains(path)) continue;
      const NodeId folder =
          path[0] == '3' ? kRoot : mounted.find(kRoot, "folder number " + path.substr(0, 1));
      ASSERT_TRUE(mounted.read_file(folder, path.substr(2)) == content) << path;
    }
  }

 private:
  static void apply(ScratchMedium& medium, const MemoryMedium::Event& event) {
    if (event.is_flush()) return;
    ASSERT_TRUE(medium.write(event.offset, event.data).has_value());
  }

  Recording& recording_;
  ScratchMedium arrived_;  // everything arrived
  ScratchMedium durable_;  // only what was flushed
  std::size_t applied_ = 0;
  std::size_t flushed_ = 0;
};

struct Interruption {
  const char* options;
  unsigned kibibytes;
  unsigned seed;
  std::size_t every;  // writes between two interruptions
};
class Interrupted : public ::testing::TestWithParam<Interruption> {};

TEST_P(Interrupted, LosesNothing) {
  const auto& [options, kibibytes, seed, every] = GetParam();
  Recording recording(make_fat_image(options, kibibytes));
  ASSERT_NO_FATAL_FAILURE(recording.run(seed));
  Judge judge(recording);
  std::mt19937 random(seed);
  const std::size_t all = recording.events().size();
  for (std::size_t at = 0; at <= all && !HasFailure(); ++at) {
    judge.advance(at);
    const auto look = [&](ScratchMedium& medium) { judge.judge(medium, at); };
    if (at % every == 0) judge.in_order(look);
    if (at % every == 1) judge.shuffled(random, look);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Interrupted,
                         ::testing::Values(Interruption{"-F12", 1440, 1, 2},
                                           Interruption{"-F16 -s2", 5000, 2, 3},
                                           Interruption{"-F16 -S2048 -s1", 12000, 3, 6},
                                           Interruption{"-F32 -s1", 34000, 4, 20},
                                           Interruption{"exfat -c1K -b4K", 1400, 5, 3},
                                           Interruption{"exfat -c16K", 8192, 6, 6}));

// The same without fsck, which is slow: very many states of a small volume. Returns their number.
std::size_t interrupt_everywhere(const char* options, unsigned kibibytes, unsigned seed,
                                 int shuffles) {
  Recording recording(make_fat_image(options, kibibytes));
  recording.run(seed);
  Judge judge(recording);
  std::mt19937 random(seed);
  for (std::size_t at = 0; at <= recording.events().size(); ++at) {
    judge.advance(at);
    std::string wrong;
    const auto look = [&](ScratchMedium& medium) {
      EXPECT_TRUE(finish_renames(medium).has_value());
      wrong = find_owners(medium).wrong;
      EXPECT_EQ(wrong, "") << "seed " << seed << ", after " << at;
    };
    judge.in_order(look);
    for (int i = 1; i < shuffles && wrong.empty(); ++i) judge.shuffled(random, look);
    if (!wrong.empty()) return 0;
  }
  return (recording.events().size() + 1) * static_cast<std::size_t>(shuffles);
}

TEST(Crash, NoClusterEverHasTwoOwners) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t kStates = 3000;  // many times slower, with the same code every time
#else
  constexpr std::size_t kStates = 20000;
#endif
  std::size_t states = 0;
  for (unsigned seed = 1; states < kStates && !HasFailure(); ++seed) {
    states += interrupt_everywhere("-F12", 640, seed, 4);
    states += interrupt_everywhere("-F16 -s1", 2400, seed, 4);
    states += interrupt_everywhere("exfat -c1K -b4K", 1400, seed, 4);
  }
}

}  // namespace
}  // namespace airlock::fat
