// SPDX-License-Identifier: GPL-2.0-or-later
// Damaged media: whatever the bytes are, every operation ends with an answer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <span>
#include <string_view>

#include "contained/fat/entry_set.h"
#include "contained/fat/finish_renames.h"
#include "contained/fat/rename_note.h"
#include "contained/fat/slot.h"
#include "contained/fat/tests/busy_hands.h"
#include "contained/fat/tests/exfat_seal.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"

namespace airlock::fat {
namespace {

// For exFAT with the largest possible sectors.
constexpr std::size_t kBootRegion = std::size_t{12} * 4096;

std::vector<std::byte> used_image(const char* options, unsigned kibibytes) {
  MemoryMedium medium(make_fat_image(options, kibibytes));
  MountedFat mounted(medium);
  const NodeId folder = mounted.make(kRoot, "a folder with a long name", S_IFDIR);
  mounted.make(folder, "inner", S_IFDIR);
  for (int i = 0; i < 12; ++i) {
    const NodeId node =
        mounted.make(i % 2 == 0 ? kRoot : folder, "file number " + std::to_string(i));
    mounted.write(node, 0, std::string(static_cast<std::size_t>(i) * 1500, 'x'));
  }
  mounted.close();
  return std::move(medium.bytes());
}

void put(ScratchMedium& medium, std::size_t at, std::span<const std::byte> bytes) {
  ASSERT_TRUE(medium.write(at, bytes).has_value());
}

// Puts random values into sets of entries, with a correct checksum.
void damage_sets(ScratchMedium& medium, std::mt19937& random) {
  const auto image = medium.bytes();
  for (std::size_t at = 0; at + kMostInSet * kRecordSize < image.size(); at += kRecordSize) {
    const std::size_t count = EntrySet::count_of(image.subspan(at, kRecordSize));
    if (count == 0 || random() % 4 != 0) continue;
    EntrySet set(count);
    std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(at), count * kRecordSize,
                set.entry(0).begin());
    if (!set.is_sound()) continue;
    FileInfo info = set.info();
    const auto few = static_cast<std::uint32_t>(random() % 40);
    if (random() % 2 == 0) info.first_cluster = few;
    if (random() % 4 == 0) info.size = random() % 2 == 0 ? ~std::uint64_t{few} : few * 1000;
    if (random() % 4 == 0) info.valid_size = random() % 2 == 0 ? ~std::uint64_t{few} : few * 500;
    if (random() % 4 == 0) info.contiguous = !info.contiguous;
    if (random() % 8 == 0) info.attributes ^= attribute::kDirectory;
    set.set_info(info);
    put(medium, at, std::span(set.entry(0).data(), 2 * kRecordSize));
  }
}

// Most damage goes where it hurts: the boot sector, the tables, the first directories.
void damage(ScratchMedium& medium, std::mt19937& random) {
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  for (std::size_t i = 0; i <= pick(12); ++i) {
    const std::size_t where =
        pick(4) == 0 ? pick(64) : pick(std::min<std::size_t>(medium.size(), 80000));
    const auto what = static_cast<std::byte>(pick(3) == 0 ? 0xff : pick(256));
    put(medium, where, std::span(&what, 1));
  }
}

// Without this, damage in the boot sectors would get no further than their checksum.
void reseal(ScratchMedium& medium) {
  std::vector<std::byte> front(kBootRegion);
  ASSERT_TRUE(medium.read(0, front).has_value());
  seal_boot(front);
  put(medium, 0, front);
}

struct Sound {
  const char* options;
  unsigned kibibytes;
};
class Damage : public ::testing::TestWithParam<Sound> {};

TEST_P(Damage, EndsWithAnswers) {
  const auto& [options, kibibytes] = GetParam();
  ScratchMedium medium(used_image(options, kibibytes));
  for (unsigned seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    medium.take_back();
    damage(medium, random);
    if (std::string_view(options).starts_with("exfat")) {
      if (random() % 2 == 0) damage_sets(medium, random);
      reseal(medium);
    }
    MountedFat mounted(medium);
    if (!mounted.opened()) {
      EXPECT_FALSE(mounted.error().empty());
      continue;
    }
    BusyHands(mounted.driver()).work();
    const std::size_t left_open = medium.moment();
    (void)finish_renames(medium);
    medium.take_back(left_open);
    mounted.close();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Damage,
                         ::testing::Values(Sound{"-F12", 720}, Sound{"-F16", 9000},
                                           Sound{"-F32 -s1", 34000}, Sound{"exfat -c1K -b4K", 4096},
                                           Sound{"exfat -c32K -b4K", 8192}));

class Damaged : public ::testing::Test {
 protected:
  MemoryMedium medium_{make_fat_image("-F16 -s1", 9000)};

  std::size_t table_entry(unsigned cluster) {
    const auto geometry = read_geometry(medium_);
    return static_cast<std::size_t>(geometry->table_offset) + std::size_t{2} * cluster;
  }
  void set_entry(unsigned cluster, unsigned value) {
    medium_.bytes()[table_entry(cluster)] = static_cast<std::byte>(value);
    medium_.bytes()[table_entry(cluster) + 1] = static_cast<std::byte>(value >> 8);
  }
};

TEST_F(Damaged, AChainThatGoesInCirclesIsFound) {
  {
    MountedFat mounted(medium_);
    mounted.write(mounted.make(kRoot, "long"), 0, std::string(40000, 'x'));
    mounted.close();
  }
  set_entry(40, 10);
  MountedFat mounted(medium_);
  const NodeId node = mounted.find(kRoot, "long");
  EXPECT_EQ(mounted.read(node, 0, 512), std::string(512, 'x'));
  EXPECT_EQ(mounted.write(node, 40000, "more"), EUCLEAN);
  mounted.close();
}

// A volume that was interrupted while OTHER.TXT was renamed to NEW.TXT.
class HalfRenamed : public Damaged {
 protected:
  static constexpr unsigned kClusterOfFile = 50;
  // Each cluster of a long directory is also a directory of its own, and has names for all of them.
  static constexpr unsigned kFirst = 100, kClusters = 300;

  void SetUp() override {
    const auto geometry = read_geometry(medium_);
    ASSERT_TRUE(geometry.has_value());
    ASSERT_EQ(geometry->cluster_size, kPerCluster * kRecordSize);
    root_ = geometry->root_offset;
    first_cluster_ = geometry->cluster_offset(kFirst);
    set_entry(kClusterOfFile, 0xffff);
    put(root_, "OTHER   TXT", 0x20, kClusterOfFile);
    put(root_ + kRecordSize, "NEW     TXT", 0x20, kClusterOfFile);
    const RenameNote note = {.old_position = root_,
                             .new_position = root_ + kRecordSize,
                             .old_print = print(root_),
                             .new_print = print(root_ + kRecordSize)};
    write_note(record(root_ + 2 * kRecordSize), 0xe5, note);
    set_entry(1, 0x7fff);  // in use
  }

  void tangle() {
    put(root_ + 3 * kRecordSize, "TANGLE     ", 0x10, kFirst);
    for (unsigned i = 0; i < kClusters; ++i) {
      set_entry(kFirst + i, i + 1 < kClusters ? kFirst + i + 1 : 0xffff);
      for (unsigned slot = 0; slot < kPerCluster; ++slot) {
        const unsigned number = i * kPerCluster + slot;
        put(first_cluster_ + std::uint64_t{number} * kRecordSize, fmt::format("D{:010}", number),
            0x10, kFirst + number % kClusters);
      }
    }
  }

 private:
  static constexpr unsigned kPerCluster = 16;

  std::span<std::byte> record(std::uint64_t at) {
    return std::span(medium_.bytes()).subspan(at, kRecordSize);
  }
  void put(std::uint64_t at, std::string_view name, unsigned attributes, unsigned cluster) {
    const auto bytes = record(at);
    std::ranges::copy(std::as_bytes(std::span(name)), bytes.begin());
    bytes[11] = static_cast<std::byte>(attributes);
    bytes[26] = static_cast<std::byte>(cluster);
    bytes[27] = static_cast<std::byte>(cluster >> 8);
    if (attributes == 0x20) bytes[28] = std::byte{100};
  }
  std::uint32_t print(std::uint64_t at) {
    return print_of(record(at).first(11), record(at).subspan(13, 5));
  }

  std::uint64_t root_ = 0, first_cluster_ = 0;
};

TEST_F(HalfRenamed, IsFinished) {
  const auto finished = finish_renames(medium_);
  ASSERT_TRUE(finished.has_value());
  EXPECT_EQ(*finished, 1U);
}

// The search for notes would read each cluster 150 times, and a larger medium could keep it reading
// for hours. It stops after reading as much as a sound volume of this size can hold.
TEST_F(HalfRenamed, DirectoriesThatShareClustersEndTheSearch) {
  tangle();
  const auto before = medium_.bytes();
  const auto finished = finish_renames(medium_);
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().value, EUCLEAN);
  EXPECT_EQ(medium_.bytes(), before);
}

TEST_F(Damaged, ADirectoryThatIsItsOwnParentIsRefused) {
  {
    MountedFat mounted(medium_);
    const NodeId outer = mounted.make(kRoot, "OUTER", S_IFDIR);
    mounted.make(outer, "INNER", S_IFDIR);
    mounted.close();
  }
  // The entry of INNER in OUTER leads back to OUTER.
  const auto geometry = read_geometry(medium_);
  const auto inner = static_cast<std::size_t>(geometry->data_offset) + 64;
  medium_.bytes()[inner + 26] = std::byte{2};
  MountedFat mounted(medium_);
  const NodeId outer = mounted.find(kRoot, "OUTER");
  const NodeId found = mounted.find(outer, "INNER");
  EXPECT_EQ(mounted.driver().lookup(found, "INNER").error().value, EUCLEAN);
  mounted.close();
}

}  // namespace
}  // namespace airlock::fat
