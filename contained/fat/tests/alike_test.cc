// SPDX-License-Identifier: GPL-2.0-or-later
// The common promises of FAT and exFAT, each tested once for all of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <future>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contained/fat/tests/exfat_seal.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"
#include "contained/fat/tests/ownership.h"
#include "contained/runtime/interruption.h"
#include "contained/runtime/reader_token.h"

namespace airlock::fat {
namespace {

struct Made {
  const char* options;
  unsigned kibibytes;
  [[nodiscard]] bool is_exfat() const { return std::string_view(options).starts_with("exfat"); }
};
constexpr Made kFat16 = {"-F16 -s1", 9000};
constexpr Made kFat32 = {"-F32 -s1", 34000};
constexpr Made kExfat = {"exfat -c4K", 16384};

std::ostream& operator<<(std::ostream& stream, const Made& made) {
  return stream << made.options;
}

// A fault in a boot sector, and the word for it in the message.
struct Wrong {
  Made made;
  std::size_t offset;
  std::uint8_t value;
  const char* word;
};
class BootSectors : public ::testing::TestWithParam<Wrong> {};

TEST_P(BootSectors, SayWhatIsWrong) {
  const auto& [made, offset, value, word] = GetParam();
  MemoryMedium medium(make_fat_image(made.options, made.kibibytes));
  const auto read = made.is_exfat() ? read_exfat_geometry : read_geometry;
  ASSERT_TRUE(read(medium).has_value());
  medium.bytes()[offset] = std::byte{value};
  if (made.is_exfat()) seal_boot(medium.bytes());
  const auto again = read(medium);
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message().find(word), std::string::npos) << again.error().message();
}
INSTANTIATE_TEST_SUITE_P(
    Fat, BootSectors,
    ::testing::Values(
        Wrong{kFat32, 0x0c, 3, "not a FAT"}, Wrong{kFat32, 0x0d, 3, "not a FAT"},
        Wrong{kFat32, 0x15, 1, "not a FAT"}, Wrong{kFat32, 0x0e, 0, "reserves no room"},
        Wrong{kFat32, 0x10, 0, "allocation tables"}, Wrong{kFat32, 0x10, 9, "allocation tables"},
        Wrong{kFat32, 0x27, 1, "no room for files"}, Wrong{kFat32, 0x11, 16, "root directories"},
        Wrong{kFat32, 0x22, 9, "the medium has only"}, Wrong{kFat32, 0x2a, 1, "version"},
        Wrong{kFat32, 0x28, 0x85, "allocation table 6"}, Wrong{kFat32, 0x2f, 9, "root directory"}));
INSTANTIATE_TEST_SUITE_P(
    Exfat, BootSectors,
    ::testing::Values(
        Wrong{kExfat, 3, 'X', "not an exFAT"}, Wrong{kExfat, 510, 0, "signature"},
        Wrong{kExfat, 11, 1, "FAT as well"}, Wrong{kExfat, 105, 2, "version"},
        Wrong{kExfat, 110, 2, "TexFAT"}, Wrong{kExfat, 110, 0, "allocation tables"},
        Wrong{kExfat, 106, 1, "second allocation table"}, Wrong{kExfat, 108, 8, "sectors claim"},
        Wrong{kExfat, 108, 13, "sectors claim"}, Wrong{kExfat, 109, 30, "clusters claim"},
        Wrong{kExfat, 77, 1, "the medium has only"}, Wrong{kExfat, 95, 255, "too small for"},
        Wrong{kExfat, 87, 255, "overlap its allocation table"},
        Wrong{kExfat, 91, 255, "do not fit"}, Wrong{kExfat, 99, 255, "root directory"}));

class Volumes : public ::testing::TestWithParam<Made> {
 protected:
  MemoryMedium medium_{make_fat_image(GetParam().options, GetParam().kibibytes)};

  void expect_sound() {
    const Opinion verdict = fsck_fat(medium_.bytes());
    EXPECT_EQ(verdict.status, 0) << verdict.report;
    EXPECT_EQ(find_owners(medium_).wrong, "");
  }
};

TEST_P(Volumes, ThatWereNotUnmountedAreOnlyRead) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "there");
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  }
  const std::vector<std::byte> before = medium_.bytes();
  MountedFat mounted(medium_);
  EXPECT_NE(mounted.volume().read_only_reason().find("not unmounted cleanly"), std::string::npos);
  EXPECT_EQ(mounted.driver().make_node(kRoot, "new", {.mode = S_IFREG}).error().value, EROFS);
  EXPECT_NE(mounted.find(kRoot, "THERE"), 0u);
  mounted.close();
  EXPECT_TRUE(medium_.bytes() == before);
}

TEST_P(Volumes, KeepATimeOfTheirRoot) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "there");
    mounted.close();
  }
  constexpr time_t kLongBeforeThisTest = 1700000000;
  MountedFat mounted(medium_);
  EXPECT_GT(mounted.driver().attributes(kRoot)->stat.st_mtim.tv_sec, kLongBeforeThisTest);
}

TEST_P(Volumes, DoNotKeepWhatAFileLostInItsLastCluster) {
  const std::string secret = "nobody shall read this";
  const auto has_secret = [&] {
    const auto bytes = std::as_bytes(std::span(secret));
    return !std::ranges::search(medium_.bytes(), bytes).empty();
  };
  MountedFat mounted(medium_);
  const NodeId cut = mounted.make(kRoot, "cut");
  const NodeId goes_on = mounted.make(kRoot, "cut and written again");
  for (const NodeId node : {cut, goes_on})
    ASSERT_EQ(mounted.write(node, 0, std::string(100, 'a') + secret + secret), 0);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  ASSERT_TRUE(has_secret());
  for (const NodeId node : {cut, goes_on}) ASSERT_EQ(mounted.resize(node, 100), 0);
  ASSERT_TRUE(has_secret()) << "the medium does not know yet that it is shorter";
  ASSERT_EQ(mounted.write(goes_on, 100, "new"), 0);
  mounted.close();
  EXPECT_FALSE(has_secret());
  MountedFat again(medium_);
  EXPECT_EQ(again.read_file(kRoot, "cut"), std::string(100, 'a'));
  EXPECT_EQ(again.read_file(kRoot, "cut and written again"), std::string(100, 'a') + "new");
  again.close();
  expect_sound();
}

// The kernel asks for no opening, so the driver cannot tell which program asks: every sync reports
// the error.
TEST_P(Volumes, TellEverySyncThatAWriteFailedAndAreNotChangedAnyMore) {
  MountedFat mounted(medium_);
  const NodeId node = mounted.make(kRoot, "there");
  medium_.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kFlush ? EIO : 0;
  });
  EXPECT_FALSE(mounted.volume().commit().has_value());
  medium_.judge_with({});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(mounted.driver().sync(node, SyncScope::kAll).error().value, EIO);
    EXPECT_EQ(mounted.write(node, 0, "text"), EROFS);
  }
}

TEST_P(Volumes, ThatWereCheckedAreWrittenAndTheirMarkGoes) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "there");
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  }
  {
    MountedFat mounted(medium_, MountMode::kChecked);
    EXPECT_EQ(mounted.volume().read_only_reason(), "");
    mounted.close();
  }
  MountedFat mounted(medium_);
  EXPECT_EQ(mounted.volume().read_only_reason(), "");
  EXPECT_NE(mounted.make(kRoot, "new"), 0u);
  mounted.close();
  expect_sound();
}

TEST_P(Volumes, ThatWereCheckedAndThenPulledAreNotTrustedAgain) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "there");
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  }
  {
    MountedFat mounted(medium_, MountMode::kChecked);
    mounted.make(kRoot, "more");
    ASSERT_TRUE(mounted.driver().sync_all().has_value());
  }
  MountedFat mounted(medium_);
  EXPECT_FALSE(mounted.volume().writable());
}

// No other request can run while the volume's lock is held, so the lead need not be given away
// then.
TEST_P(Volumes, KeepTheLeadUntilTheMediumIsWaitedFor) {
  MountedFat mounted(medium_);
  ReaderToken token;
  ASSERT_TRUE(token.take());
  const NodeId node = mounted.make(kRoot, "file");
  ASSERT_EQ(mounted.write(node, 0, std::string(5000, 'x')), 0);
  EXPECT_EQ(mounted.resize(node, 100), 0);
  EXPECT_EQ(mounted.rename(kRoot, "file", kRoot, "other"), 0);
  EXPECT_EQ(mounted.unlink(kRoot, "other"), 0);
  EXPECT_TRUE(token.is_held());
  EXPECT_TRUE(mounted.driver().sync_all().has_value());
  EXPECT_FALSE(token.is_held());
}

TEST_P(Volumes, GiveTheLeadAwayBeforeTheyFillAGap) {
  MountedFat mounted(medium_);
  const NodeId node = mounted.make(kRoot, "file");
  ReaderToken token;
  ASSERT_TRUE(token.take());
  EXPECT_EQ(mounted.resize(node, 1'000'000), 0);
  EXPECT_EQ(token.is_held(), GetParam().is_exfat());  // exFAT writes no zeroes there
  EXPECT_EQ(mounted.write(node, 999'999, "x"), 0);
  EXPECT_FALSE(token.is_held());
}

// In every pause of a request: counts the pauses, uses the file system as another request would,
// which hangs if the lock is held, and may say that the caller no longer waits.
class Pauses {
 public:
  Pauses(MountedFat& mounted, unsigned most) : mounted_(mounted), most_(most) {}
  [[nodiscard]] unsigned count() const { return count_; }

 private:
  static bool pause(void* of) {
    auto& self = *static_cast<Pauses*>(of);
    EXPECT_TRUE(self.mounted_.driver().attributes(kRoot).has_value());
    return ++self.count_ > self.most_;
  }
  MountedFat& mounted_;
  unsigned most_;
  unsigned count_ = 0;
  Interruption interruption_{pause, this};
};
constexpr unsigned kForGood = ~0u;

TEST_P(Volumes, ReadALargeDirectoryInTurns) {
  const std::string rest(30, 'n');
  constexpr unsigned kNames = 4500;
  {
    MountedFat mounted(medium_);
    const NodeId folder = mounted.make(kRoot, "folder", S_IFDIR);
    for (unsigned i = 0; i < kNames; ++i)
      ASSERT_NE(mounted.make(folder, std::to_string(i) + rest), 0u);
    mounted.close();
  }
  MountedFat mounted(medium_);
  const NodeId folder = mounted.find(kRoot, "folder");
  {
    const Pauses pauses(mounted, 0);
    EXPECT_EQ(mounted.driver().lookup(folder, "absent").error().value, EINTR);
    EXPECT_EQ(pauses.count(), 1u);
  }
  const Pauses pauses(mounted, kForGood);
  EXPECT_EQ(mounted.driver().lookup(folder, "absent").error().value, ENOENT);
  EXPECT_EQ(mounted.list(folder).size(), kNames);
  EXPECT_NE(mounted.find(folder, "4499" + rest), 0u);
  EXPECT_EQ(mounted.unlink(folder, "17" + rest), 0);
  EXPECT_NE(mounted.make(folder, "new"), 0u);
  EXPECT_EQ(pauses.count(), 0u);  // it began before, and this was the rest
  mounted.close();
  expect_sound();
}

// Needs many clusters.
class LongChains : public Volumes {};
INSTANTIATE_TEST_SUITE_P(Fat, LongChains, ::testing::Values(kFat32));

TEST_P(LongChains, AreWalkedInTurns) {
  constexpr std::uint64_t kSize = 66'000 * 512;
  {
    MountedFat mounted(medium_);
    const NodeId node = mounted.make(kRoot, "file");
    ASSERT_EQ(mounted.resize(node, kSize), 0);
    ASSERT_EQ(mounted.write(node, kSize - 3, "end"), 0);
    mounted.close();
  }
  for (const bool deletes : {false, true}) {
    MountedFat mounted(medium_);
    const NodeId node = mounted.find(kRoot, "file");
    const Pauses pauses(mounted, 0);
    if (deletes) {
      EXPECT_EQ(mounted.unlink(kRoot, "file"), 0);  // even though its caller no longer waits
    } else {
      EXPECT_EQ(mounted.read(node, 0, 9), std::string(9, '\0'));
      EXPECT_EQ(pauses.count(), 0u);
      EXPECT_EQ(mounted.read(node, kSize - 3, 3), "error " + std::to_string(EINTR));
      EXPECT_EQ(mounted.read(node, kSize - 3, 3), "end");
    }
    EXPECT_EQ(pauses.count(), 1u);
    mounted.close();
    expect_sound();
  }
}

// More pieces of one file than are remembered.
TEST_P(Volumes, KeepFilesInVeryManyPieces) {
  constexpr unsigned kPieces = ClusterChain::kMostPieces + 900;
  if (GetParam().is_exfat()) medium_.bytes() = make_fat_image("exfat -c1K -b4K", 16384);
  const std::size_t piece = GetParam().is_exfat() ? 1024 : 512;
  MountedFat mounted(medium_);
  const NodeId one = mounted.make(kRoot, "one");
  const NodeId other = mounted.make(kRoot, "other");
  for (unsigned i = 0; i < kPieces; ++i) {
    ASSERT_EQ(mounted.write(one, i * piece, std::string(piece, static_cast<char>('a' + i % 23))),
              0);
    ASSERT_EQ(mounted.write(other, i * piece, std::string(piece, 'o')), 0);
  }
  mounted.close();
  {
    MountedFat again(medium_);
    const NodeId node = again.find(kRoot, "one");
    for (unsigned i = 0; i < kPieces; i += 7)
      ASSERT_EQ(again.read(node, i * piece + 5, 2),
                std::string(2, static_cast<char>('a' + i % 23)));
    EXPECT_EQ(again.resize(node, kPieces / 2 * piece), 0);
    EXPECT_EQ(again.write(node, kPieces / 2 * piece, "end"), 0);
    EXPECT_EQ(again.unlink(kRoot, "other"), 0);
    EXPECT_EQ(again.read(node, kPieces / 2 * piece - 1, 9).substr(1), "end");
    again.close();
  }
  expect_sound();
}

TEST_P(Volumes, AreNotChangedByReading) {
  const std::vector<std::byte> before = medium_.bytes();
  MountedFat mounted(medium_);
  EXPECT_TRUE(mounted.list(kRoot).empty());
  mounted.close();
  EXPECT_TRUE(medium_.bytes() == before);
}

TEST_P(Volumes, AreNotWrittenAfterAFailedWrite) {
  MountedFat mounted(medium_);
  mounted.make(kRoot, "first");
  medium_.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kRead ? 0 : EIO;
  });
  EXPECT_EQ(mounted.driver().sync_all().error().value, EIO);
  EXPECT_EQ(mounted.driver().make_node(kRoot, "second", {.mode = S_IFREG}).error().value, EROFS);
  EXPECT_EQ(mounted.driver().sync_all().error().value, EIO);
  mounted.close();
}

TEST_P(Volumes, NeverShowWhatWasThereBefore) {
  {
    const auto geometry = *(GetParam().is_exfat() ? read_exfat_geometry : read_geometry)(medium_);
    const std::uint32_t used = std::max(geometry.root_cluster + 1, kFirstCluster);
    const auto data = static_cast<std::ptrdiff_t>(geometry.cluster_offset(used));
    std::fill(medium_.bytes().begin() + data, medium_.bytes().end(), std::byte{'S'});
  }
  MountedFat mounted(medium_);
  const NodeId node = mounted.make(kRoot, "file");
  ASSERT_EQ(mounted.resize(node, 50000), 0);
  ASSERT_EQ(mounted.write(node, 20000, "x"), 0);
  const NodeId folder = mounted.make(kRoot, "folder", S_IFDIR);
  EXPECT_TRUE(mounted.list(folder).empty());
  std::string expected(50000, '\0');
  expected[20000] = 'x';
  EXPECT_TRUE(mounted.read(node, 0, 50000) == expected);
  mounted.close();
  MountedFat again(medium_, MountMode::kReadOnly);
  EXPECT_TRUE(again.read_file(kRoot, "file") == expected);
  expect_sound();
}

// The number a directory listing shows for the parent.
class ParentShown final : public EntrySink {
 public:
  bool add(std::string_view name, const Attributes& attributes, std::uint64_t) override {
    if (name == "..") number = attributes.stat.st_ino;
    return true;
  }
  ino_t number = 0;
};

ino_t parent_shown(MountedFat& mounted, NodeId directory) {
  ParentShown shown;
  EXPECT_TRUE(mounted.driver().list(directory, 0, DirectoryDetail::kNames, shown).has_value());
  return shown.number;
}

TEST_P(Volumes, ShowTheParentsNumberInEveryDirectory) {
  {
    MountedFat mounted(medium_);
    const NodeId above = mounted.make(kRoot, "above", S_IFDIR);
    const NodeId below = mounted.make(above, "below", S_IFDIR);
    const NodeId other = mounted.make(kRoot, "other", S_IFDIR);
    EXPECT_EQ(parent_shown(mounted, kRoot), kRoot);
    EXPECT_EQ(parent_shown(mounted, above), kRoot);
    EXPECT_EQ(parent_shown(mounted, below), above);
    ASSERT_EQ(mounted.rename(above, "below", other, "moved"), 0);
    EXPECT_EQ(parent_shown(mounted, below), other);
    ASSERT_NE(mounted.make(above, "empty", S_IFDIR), 0u);
    ASSERT_EQ(mounted.rename(other, "moved", above, "empty"), 0);
    EXPECT_EQ(parent_shown(mounted, below), above);
    mounted.close();
  }
  MountedFat mounted(medium_);
  // As after listing with attributes, when the kernel looks nothing up.
  const NodeId above = mounted.list(kRoot).find("above")->second.node;
  const NodeId below = mounted.list(above).find("empty")->second.node;
  EXPECT_EQ(parent_shown(mounted, above), kRoot);
  EXPECT_EQ(parent_shown(mounted, below), above);
  EXPECT_EQ(mounted.find(kRoot, "above"), above);
  EXPECT_EQ(parent_shown(mounted, mounted.find(above, "empty")), above);
  mounted.close();
}

TEST_P(Volumes, RememberAParentUntilTheKernelHasDroppedTheDirectory) {
  MountedFat mounted(medium_);
  const NodeId above = mounted.make(kRoot, "above", S_IFDIR);
  const NodeId below = mounted.make(above, "below", S_IFDIR);
  EXPECT_TRUE(mounted.driver().forgotten(below));  // so it wants gone() too
  EXPECT_EQ(parent_shown(mounted, below), above);
  mounted.driver().gone(below);
  EXPECT_FALSE(mounted.driver().forgotten(below));
  EXPECT_EQ(parent_shown(mounted, mounted.find(above, "below")), above);
}

// Like a request that the medium held up while the driver was told to end.
TEST_P(Volumes, RefuseChangesThatComeWhileTheyAreClosed) {
  std::vector<std::string> made;
  {
    MountedFat mounted(medium_);
    ASSERT_NE(mounted.make(kRoot, "first"), 0u);
    std::vector<std::jthread> late;
    medium_.judge_with([&](MemoryMedium::Access, std::uint64_t, std::uint64_t) {
      const std::string name = "late" + std::to_string(late.size());
      std::promise<void> promise;
      auto done = promise.get_future();
      late.emplace_back([&, name, promise = std::move(promise)]() mutable {
        if (mounted.make(kRoot, name) != 0) made.push_back(name);
        promise.set_value();
      });
      (void)done.wait_for(std::chrono::milliseconds(200));  // it may need the lock, which is taken
      return 0;
    });
    mounted.close();
    medium_.judge_with({});
    EXPECT_FALSE(late.empty());
  }
  MountedFat mounted(medium_);
  for (const std::string& name : made) EXPECT_NE(mounted.find(kRoot, name), 0u) << name;
  mounted.close();
  expect_sound();
}

// How many bytes of a text the last write to the medium had.
std::size_t written_with(MemoryMedium& medium, std::string_view text) {
  std::size_t size = 0;
  for (const auto& event : medium.events()) {
    const std::string_view bytes(reinterpret_cast<const char*>(event.data.data()),
                                 event.data.size());
    if (bytes.starts_with(text)) size = bytes.size();
  }
  return size;
}

TEST_P(Volumes, AreWrittenToTheEndOfThePageBehindAFile) {
  const std::string text(100, 't'), more(50, 'm');
  medium_.record();
  MountedFat mounted(medium_);
  const std::uint32_t page = std::min(mounted.volume().geometry().cluster_size, 4096u);
  const NodeId node = mounted.make(kRoot, "file");
  ASSERT_EQ(mounted.write(node, 0, text), 0);
  EXPECT_EQ(written_with(medium_, text), page);
  ASSERT_EQ(mounted.write(node, 100, more), 0);
  EXPECT_EQ(written_with(medium_, more), page - 100);
  // First the file has data behind it, then it has none, but not until that is on the medium.
  const std::string less(10, 'l');
  ASSERT_EQ(mounted.write(node, 50, less), 0);
  EXPECT_EQ(written_with(medium_, less), less.size());
  ASSERT_EQ(mounted.resize(node, 40), 0);
  const std::string again(20, 'a');
  ASSERT_EQ(mounted.write(node, 40, again), 0);
  EXPECT_EQ(written_with(medium_, again), again.size());
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  const std::string behind(30, 'b');
  ASSERT_EQ(mounted.write(node, 60, behind), 0);
  EXPECT_EQ(written_with(medium_, behind), page - 60);
  EXPECT_EQ(mounted.read_file(kRoot, "file"), text.substr(0, 40) + again + behind);
  mounted.close();
  expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Kinds, Volumes, ::testing::Values(kFat16, kFat32, kExfat));

}  // namespace
}  // namespace airlock::fat
