// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory.h"

#include <ext2fs/ext2_fs.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "contained/ext/directory_hash.h"
#include "contained/ext/directory_record.h"
#include "contained/ext/htree.h"
#include "contained/ext/tests/colliding_names.h"
#include "contained/ext/tests/memory_blocks.h"

namespace airlock::ext {
namespace {

using Names = std::map<std::string, std::uint32_t>;

struct Case {
  std::uint32_t block_size;
  std::uint8_t hash_version;
  bool checksums;
  bool dir_index;
  bool unsigned_hash;
};

DirectoryFormat format_of(const Case& which) {
  return {.block_size = which.block_size,
          .file_types = true,
          .checksums = which.checksums,
          .dir_index = which.dir_index,
          .large_directories = false,
          .default_hash_version = which.hash_version,
          .unsigned_hash = which.unsigned_hash,
          .hash_seed = {1, 2, 3, 4}};
}

constexpr Case kIndexed1k{1024, 1, true, true, false};
constexpr Case kLinear1k{1024, 1, true, false, false};

std::string random_name(std::mt19937& random) {
  std::string name(1 + random() % (random() % 8 == 0 ? 255 : 20), 'a');
  for (char& letter : name) {
    letter = static_cast<char>(random() % 255 + 1);
    if (letter == '/' || letter == '.') letter = '_';
  }
  return name;
}

// A directory with everything around it.
struct Fixture {
  explicit Fixture(const Case& which)
      : format(format_of(which)), blocks(format.block_size), directory(make()) {
    EXPECT_TRUE(directory.initialize(2));
  }
  Directory make() { return {format, blocks, 12, 0x1234, &hint}; }

  // All names but the dots, read in calls of that many entries; the dots must come first.
  std::vector<std::string> list(std::size_t at_once) {
    std::vector<std::string> names;
    std::uint64_t cookie = 0;
    for (bool more = true; more;) {
      std::size_t taken = 0;
      more = false;
      const auto visit = [&](const ListedEntry& entry) {
        if (taken == at_once) return false;
        ++taken;
        more = true;
        EXPECT_GT(entry.next, cookie);
        cookie = entry.next;
        names.emplace_back(entry.name);
        return true;
      };
      EXPECT_TRUE(directory.list(cookie, visit));
    }
    if (names.size() < 2 || names[0] != "." || names[1] != "..") {
      ADD_FAILURE() << "no dots in front";
      return names;
    }
    names.erase(names.begin(), names.begin() + 2);
    return names;
  }

  void expect_same(const Names& model) {
    for (const auto& [name, inode] : model) {
      const auto found = directory.lookup(name);
      ASSERT_TRUE(found) << blocks.complaint;
      ASSERT_EQ(found->inode, inode);
    }
    auto names = list(100);
    ASSERT_EQ(names.size(), model.size());
    std::ranges::sort(names);
    std::size_t i = 0;
    for (const auto& [name, inode] : model) ASSERT_EQ(names[i++], name);
  }

  DirectoryFormat format;
  MemoryBlocks blocks;
  InsertHint hint;
  Directory directory;
};

class DirectoryModel : public testing::TestWithParam<Case> {};

TEST_P(DirectoryModel, RandomOperationsAgreeWithAMap) {
  Fixture fixture(GetParam());
  Directory& directory = fixture.directory;
  std::mt19937 random(7);
  Names model;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const std::string name = random_name(random);
    const auto known = model.find(name);
    ASSERT_EQ(directory.lookup(name).has_value(), known != model.end());
    if (known == model.end()) {
      ASSERT_TRUE(directory.insert(name, {.inode = i + 1, .type = 1})) << fixture.blocks.complaint;
      model[name] = i + 1;
    } else {
      ASSERT_TRUE(directory.replace(name, {.inode = i + 1, .type = 1}));
      known->second = i + 1;
    }
    if (random() % 3 == 0) {
      auto victim = model.lower_bound(random_name(random));
      if (victim == model.end()) victim = model.begin();
      ASSERT_TRUE(directory.remove(victim->first)) << fixture.blocks.complaint;
      ASSERT_EQ(directory.lookup(victim->first).error(), Errno{ENOENT});
      model.erase(victim);
    }
    if (i % 1000 == 0) fixture.blocks.drop_verified();
  }
  fixture.blocks.drop_verified();
  fixture.expect_same(model);
  EXPECT_EQ(fixture.blocks.indexed(), GetParam().dir_index);
  EXPECT_FALSE(directory.empty().value());
  for (const auto& [name, inode] : model) ASSERT_TRUE(directory.remove(name));
  EXPECT_TRUE(directory.empty().value());
  EXPECT_EQ(fixture.blocks.complaint, "");
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const std::uint32_t block_size : {1024U, 4096U, 65536U})
    for (std::uint8_t version = 0; version <= kMostHashVersion; ++version)
      for (const bool checksums : {false, true})
        for (const bool is_unsigned : {false, true})
          cases.push_back({block_size, version, checksums, true, is_unsigned});
  cases.push_back({1024, 1, false, false, false});
  cases.push_back({4096, 1, true, false, false});
  cases.push_back({65536, 1, true, false, false});
  return cases;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const Case& which = info.param;
  return std::to_string(which.block_size) + (which.dir_index ? "Hash" : "Linear") +
         std::to_string(which.hash_version) + (which.unsigned_hash ? "Unsigned" : "") +
         (which.checksums ? "Checksums" : "");
}

INSTANTIATE_TEST_SUITE_P(All, DirectoryModel, testing::ValuesIn(all_cases()), case_name);

std::string numbered(std::uint_fast32_t i) {
  return "a file with the number " + std::to_string(i);
}

TEST(Directory, HoldsAHundredThousandNamesInSmallBlocks) {
  for (const bool large : {false, true}) {
    Fixture fixture(kIndexed1k);
    fixture.format.large_directories = large;
    Names model;
    std::uint32_t i = 0;
    for (; i < 100'000; ++i) {
      const auto inserted = fixture.directory.insert(numbered(i), {.inode = i + 1});
      if (!inserted) {
        ASSERT_EQ(inserted.error(), Errno{ENOSPC});
        break;
      }
      model[numbered(i)] = i + 1;
    }
    // 1 KiB blocks: 123 * 126 leaves at the most with two levels.
    EXPECT_EQ(i, 100'000U);
    fixture.blocks.drop_verified();
    fixture.expect_same(model);
    EXPECT_EQ(fixture.blocks.bytes(0)[kRootLevels], std::byte{1});
  }
}

TEST(Directory, FullIndexIsNoSpaceUntilLargeDirectoriesRaiseIt) {
  Fixture fixture(kIndexed1k);
  const std::string padding(230, 'x');
  std::uint32_t i = 0;
  Outcome<void> inserted;
  for (; i < 100'000 && inserted; ++i)
    inserted = fixture.directory.insert(padding + std::to_string(i), {.inode = i + 1});
  ASSERT_FALSE(inserted);
  EXPECT_EQ(inserted.error(), Errno{ENOSPC});
  EXPECT_GT(i, 10'000U);
  EXPECT_EQ(fixture.list(1000).size(), i - 1);

  fixture.format.large_directories = true;
  for (std::uint32_t k = i; k < i + 20'000; ++k)
    ASSERT_TRUE(fixture.directory.insert(padding + std::to_string(k), {.inode = k + 1}));
  EXPECT_EQ(fixture.blocks.bytes(0)[kRootLevels], std::byte{2});
  EXPECT_EQ(fixture.list(1000).size(), i - 1 + 20'000);
  EXPECT_EQ(fixture.blocks.complaint, "");
}

TEST(Directory, RunningOutOfBlocksLeavesItWhole) {
  for (std::uint32_t most = 1; most < 300; ++most) {
    Fixture fixture(kIndexed1k);
    fixture.blocks.most_blocks = most;
    Names model;
    Outcome<void> inserted;
    for (std::uint32_t i = 0; inserted; ++i) {
      inserted = fixture.directory.insert(numbered(i), {.inode = i + 1});
      if (inserted) model[numbered(i)] = i + 1;
    }
    EXPECT_EQ(inserted.error(), Errno{ENOSPC});
    fixture.blocks.drop_verified();
    ASSERT_EQ(fixture.list(1000).size(), model.size());
    if (most < 20 || most % 40 == 0) fixture.expect_same(model);
    ASSERT_EQ(fixture.blocks.complaint, "");
  }
}

TEST(Directory, AnswersForTheDots) {
  for (const Case& which : {kIndexed1k, kLinear1k}) {
    Fixture fixture(which);
    for (std::uint32_t i = 0; i < 200; ++i) {
      EXPECT_EQ(fixture.directory.lookup(".")->inode, 12U);
      EXPECT_EQ(fixture.directory.lookup("..")->inode, i == 0 ? 2U : 99U + i);
      EXPECT_EQ(fixture.directory.insert("..", {.inode = 4}).error(), Errno{EEXIST});
      EXPECT_EQ(fixture.directory.remove(".").error(), Errno{EINVAL});
      ASSERT_TRUE(fixture.directory.replace("..", {.inode = 100 + i, .type = EXT2_FT_DIR}));
      ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
      fixture.blocks.drop_verified();
    }
    EXPECT_EQ(fixture.directory.lookup("..")->inode, 299U);
    EXPECT_EQ(fixture.directory.lookup("").error(), Errno{ENOENT});
    EXPECT_EQ(fixture.directory.lookup(std::string(256, 'x')).error(), Errno{ENAMETOOLONG});
  }
}

// Names that stay must come exactly once, whatever happens to others between the calls.
TEST(Directory, ListingWhileChangingNeitherLosesNorRepeats) {
  for (const Case& which : {kIndexed1k, kLinear1k, Case{4096, 0, false, true, false}}) {
    Fixture fixture(which);
    std::mt19937 random(3);
    std::set<std::string> stable;
    for (std::uint32_t i = 0; i < 4; ++i) {
      stable.insert(numbered(i));
      ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = 5}));
    }
    for (int round = 0; round < 30; ++round) {
      std::map<std::string, int> seen;
      std::set<std::string> passing;
      std::uint64_t cookie = 0;
      for (bool more = true; more;) {
        more = false;
        std::size_t taken = 0;
        ASSERT_TRUE(fixture.directory.list(cookie, [&](const ListedEntry& entry) {
          if (taken++ == 3) return false;
          more = true;
          cookie = entry.next;
          ++seen[std::string(entry.name)];
          return true;
        }));
        if (passing.size() < 40 && random() % 2 == 0) {
          const std::string name = random_name(random);
          if (!fixture.directory.lookup(name)) {
            ASSERT_TRUE(fixture.directory.insert(name, {.inode = 9}));
            passing.insert(name);
          }
        } else if (!passing.empty()) {
          ASSERT_TRUE(fixture.directory.remove(*passing.begin()));
          passing.erase(passing.begin());
        }
      }
      for (const auto& name : stable) ASSERT_EQ(seen[name], 1) << round;
      for (const auto& name : passing) stable.insert(name);
    }
  }
}

std::size_t continued_leaves(Fixture& fixture) {
  DirectoryAccess access(fixture.format, fixture.blocks, 0x1234);
  HashIndex index(access);
  const auto root = index.root();
  auto path = index.descend(*root, 0);
  std::size_t odd = 0;
  for (; path->next_start(); (void)index.advance(*path)) odd += *path->next_start() & 1;
  return odd;
}

TEST(Directory, NamesOfOneHashAreFoundAndListedAcrossLeaves) {
  Fixture fixture(Case{1024, 0, true, true, false});
  const auto pairs = colliding_names(fixture.format, 0);
  ASSERT_GT(pairs.size(), 10U);
  Names model;
  std::uint32_t inode = 1;
  for (std::uint32_t i = 0; i < 300; ++i) model[numbered(i) + std::string(200, 'y')] = ++inode;
  for (const auto& [name, number] : Names(model))
    ASSERT_TRUE(fixture.directory.insert(name, {.inode = number}));
  for (const auto& name : pairs) {
    ASSERT_TRUE(fixture.directory.insert(name, {.inode = ++inode}));
    model[name] = inode;
  }
  for (std::uint32_t i = 300; i < 900; ++i) {
    const std::string name = numbered(i) + std::string(200, 'y');
    ASSERT_TRUE(fixture.directory.insert(name, {.inode = ++inode}));
    model[name] = inode;
  }
  EXPECT_GT(continued_leaves(fixture), 0U);
  fixture.expect_same(model);
  for (const std::size_t at_once : {1U, 2U, 3U, 7U}) {
    auto names = fixture.list(at_once);
    std::ranges::sort(names);
    EXPECT_TRUE(std::ranges::equal(names, model, {}, {}, &Names::value_type::first));
  }
}

TEST(Directory, BrokenIndexIsStillReadButNotChanged) {
  Fixture fixture(Case{1024, 1, false, true, false});
  Names model;
  for (std::uint32_t i = 0; i < 40'000; ++i) {
    model[numbered(i)] = i + 1;
    ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
  }
  const auto order = fixture.list(50);
  fixture.blocks.bytes(0)[kRootCount] = std::byte{0x77};
  EXPECT_EQ(fixture.directory.lookup(numbered(5))->inode, 6U);
  EXPECT_EQ(fixture.directory.lookup("absent").error(), Errno{ENOENT});
  EXPECT_NE(fixture.blocks.complaint, "");
  EXPECT_EQ(fixture.list(20'000), order);
  EXPECT_EQ(fixture.directory.insert("new", {.inode = 1}).error(), Errno{EUCLEAN});
  EXPECT_EQ(fixture.directory.remove(numbered(5)).error(), Errno{EUCLEAN});
}

TEST(Directory, WrongChecksumIsRefusedAndTheRestIsRead) {
  for (const Case& which : {kIndexed1k, kLinear1k}) {
    Fixture fixture(which);
    for (std::uint32_t i = 0; i < 300; ++i)
      ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
    fixture.blocks.bytes(3)[7] ^= std::byte{1};
    EXPECT_EQ(fixture.list(10).size(), 300U);  // verified before it went bad
    fixture.blocks.drop_verified();
    EXPECT_EQ(fixture.directory.lookup("absent").has_value(), false);
    std::size_t found = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
      const auto entry = fixture.directory.lookup(numbered(i));
      found += entry.has_value() ? 1 : 0;
      EXPECT_TRUE(entry || entry.error() == Errno{EUCLEAN});
    }
    EXPECT_LT(found, 300U);
    EXPECT_GT(found, 250U);
    std::uint64_t cookie = 0;
    std::size_t listed = 0;
    const auto count = [&](const ListedEntry& entry) {
      cookie = entry.next;
      ++listed;
      return true;
    };
    EXPECT_TRUE(fixture.directory.list(cookie, count));
    EXPECT_EQ(listed, found + 2);
    EXPECT_EQ(fixture.directory.list(cookie, count).error(), Errno{EUCLEAN});
  }
}

TEST(Directory, IndexTurnsOffWhereTheFileSystemHasNone) {
  Fixture fixture(Case{1024, 1, false, false, false});
  ASSERT_TRUE(fixture.blocks.set_indexed(true));
  ASSERT_TRUE(fixture.directory.insert("name", {.inode = 3}));
  EXPECT_FALSE(fixture.blocks.indexed());
}

TEST(Directory, ImpossibleNamesAreNotListed) {
  for (const char letter : {'/', '\0'}) {
    Fixture fixture(Case{1024, 1, false, true, false});
    ASSERT_TRUE(fixture.directory.insert("name", {.inode = 3}));
    fixture.blocks.bytes(0)[24 + kRecordHeader + 1] = static_cast<std::byte>(letter);
    std::size_t listed = 0;
    const auto count = [&](const ListedEntry&) { return ++listed > 0; };
    EXPECT_EQ(fixture.directory.list(2, count).error(), Errno{EUCLEAN});
    EXPECT_EQ(listed, 0U);
  }
}

// A hole costs a step, whatever its size.
TEST(Directory, AHoleIsNotWalkedBlockByBlock) {
  for (const Case& which : {kIndexed1k, kLinear1k}) {
    Fixture fixture(which);
    for (std::uint32_t i = 0; i < 300; ++i)
      ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
    // So that all of it is looked at.
    fixture.blocks.bytes(0)[kRootCount] = std::byte{0x77};
    fixture.blocks.hole = 1'000'000;
    fixture.blocks.reads = 0;
    EXPECT_EQ(fixture.directory.lookup("absent").error(), Errno{EUCLEAN});
    std::size_t listed = 0;
    (void)fixture.directory.list(0, [&](const ListedEntry&) { return ++listed > 0; });
    EXPECT_GT(listed, 290U);
    EXPECT_FALSE(fixture.directory.empty().value_or(false));
    EXPECT_LT(fixture.blocks.reads, 1000U);
  }
}

// Between two turns all blocks may go, and come back elsewhere.
TEST(Directory, ALongScanPausesAndGoesOn) {
  for (const bool broken : {false, true}) {
    for (const Case& which : {kIndexed1k, kLinear1k}) {
      if (broken && !which.dir_index) continue;
      Fixture fixture(which);
      for (std::uint32_t i = 0; i < 3000; ++i)
        ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
      const auto order = fixture.list(20'000);
      ASSERT_EQ(order.size(), 3000U);
      if (broken) fixture.blocks.bytes(0)[kRootCount] = std::byte{0x77};
      for (const std::uint64_t turn : {1U, 5U, 30U}) {
        fixture.blocks.turn = turn;
        fixture.blocks.pauses = 0;
        EXPECT_EQ(fixture.list(20'000), order);
        EXPECT_GT(fixture.blocks.pauses, 1U);
        EXPECT_EQ(fixture.directory.lookup(numbered(2999))->inode, 3000U);
        EXPECT_EQ(fixture.directory.lookup("absent").error(), Errno{ENOENT});
        EXPECT_FALSE(fixture.directory.empty().value_or(true));
      }
    }
  }
}

TEST(Directory, AScanThatNobodyWaitsForEnds) {
  for (const Case& which : {kIndexed1k, kLinear1k}) {
    Fixture fixture(which);
    for (std::uint32_t i = 0; i < 3000; ++i)
      ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
    for (std::uint32_t i = 0; i < 3000; ++i) ASSERT_TRUE(fixture.directory.remove(numbered(i)));
    fixture.blocks.turn = 5;
    fixture.blocks.most_pauses = 3;
    constexpr std::uint64_t kBehindTheDots = 24;
    const auto visit = [](const ListedEntry&) { return true; };
    EXPECT_EQ(fixture.directory.list(kBehindTheDots, visit).error(), Errno{EINTR});
    EXPECT_EQ(fixture.directory.empty().error(), Errno{EINTR});
    const auto found = fixture.directory.lookup("x");
    EXPECT_EQ(found.error(), which.dir_index ? Errno{ENOENT} : Errno{EINTR});
    EXPECT_LT(fixture.blocks.pauses, 7U);
  }
}

void use_everything(Fixture& fixture, std::mt19937& random) {
  std::uint64_t cookie = 0;
  for (int calls = 0; calls < 400; ++calls) {
    const std::uint64_t before = cookie;
    (void)fixture.directory.list(cookie, [&](const ListedEntry& entry) {
      if (entry.next <= cookie) ADD_FAILURE() << "listing goes back";
      cookie = entry.next;
      return random() % 50 != 0;
    });
    if (cookie == before) break;
  }
  for (std::uint32_t i = 0; i < 20; ++i) {
    (void)fixture.directory.lookup(numbered(random() % 900));
    (void)fixture.directory.insert(random_name(random), {.inode = 7});
    (void)fixture.directory.remove(numbered(random() % 900));
  }
  (void)fixture.directory.replace("..", {.inode = 9});
  (void)fixture.directory.empty();
}

TEST(Directory, SurvivesForgedBlocks) {
  std::mt19937 random(5);
  for (const Case& which : {Case{1024, 1, false, true, false}, Case{1024, 0, false, false, false},
                            Case{65536, 2, false, true, false}}) {
    for (int round = 0; round < 150; ++round) {
      Fixture fixture(which);
      const std::uint32_t names = which.block_size == 65536 ? 3000 : 900;
      for (std::uint32_t i = 0; i < names; ++i)
        ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
      for (int flips = 0; flips < 1 + round % 20; ++flips) {
        auto& bytes = fixture.blocks.bytes(
            random() % 4 == 0 ? 0 : static_cast<std::uint32_t>(random()) % fixture.blocks.count());
        const std::size_t reach = random() % 2 == 0 ? 64 : bytes.size();
        bytes[random() % reach] = static_cast<std::byte>(random());
      }
      use_everything(fixture, random);
    }
  }
}

TEST(Directory, RecordLengthsOfLargeBlocks) {
  for (std::uint32_t length = 12; length <= 65536; length += 4)
    ASSERT_EQ(decode_record_length(encode_record_length(length, 65536), 65536), length);
  EXPECT_EQ(encode_record_length(65536, 65536), 65535);
  EXPECT_EQ(decode_record_length(0, 65536), 65536U);
  EXPECT_EQ(decode_record_length(0, 4096), 0U);
}

TEST(Directory, OperationsTouchAFewBlocksHoweverLargeItIs) {
  Fixture fixture(Case{4096, 1, true, true, false});
  for (std::uint32_t i = 0; i < 30'000; ++i)
    ASSERT_TRUE(fixture.directory.insert(numbered(i), {.inode = i + 1}));
  fixture.blocks.reads = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) ASSERT_TRUE(fixture.directory.lookup(numbered(i)));
  EXPECT_LE(fixture.blocks.reads, 3100U);
}

}  // namespace
}  // namespace airlock::ext
