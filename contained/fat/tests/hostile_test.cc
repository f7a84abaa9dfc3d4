// SPDX-License-Identifier: GPL-2.0-or-later
// Damaged media: whatever the bytes say, every operation ends with an answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "contained/fat/entry_set.h"
#include "contained/fat/slot.h"
#include "contained/fat/tests/busy_hands.h"
#include "contained/fat/tests/exfat_seal.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"

namespace airlock::fat {
namespace {

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

// Sets of entries that say what nobody wrote, with a checksum that agrees.
void damage_sets(std::vector<std::byte>& image, std::mt19937& random) {
  for (std::size_t at = 0; at + kMostInSet * kRecordSize < image.size(); at += kRecordSize) {
    const std::size_t count = EntrySet::count_of(std::span(image).subspan(at, kRecordSize));
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
    std::ranges::copy(std::span(set.entry(0).data(), 2 * kRecordSize),
                      image.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

// Most damage goes where it hurts: the boot sector, the tables, the first directories.
void damage(std::vector<std::byte>& image, std::mt19937& random) {
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  for (std::size_t i = 0; i <= pick(12); ++i) {
    const std::size_t where =
        pick(4) == 0 ? pick(64) : pick(std::min<std::size_t>(image.size(), 80000));
    image[where] = static_cast<std::byte>(pick(3) == 0 ? 0xff : pick(256));
  }
}

struct Sound {
  const char* options;
  unsigned kibibytes;
};
class Damage : public ::testing::TestWithParam<Sound> {};

TEST_P(Damage, EndsWithAnswers) {
  const auto& [options, kibibytes] = GetParam();
  const std::vector<std::byte> sound = used_image(options, kibibytes);
  for (unsigned seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<std::byte> image = sound;
    damage(image, random);
    if (std::string_view(options).starts_with("exfat")) {
      if (random() % 2 == 0) damage_sets(image, random);
      // Damage of the boot sectors would go no further than their checksum.
      seal_boot(image);
    }
    MemoryMedium medium(std::move(image));
    MountedFat mounted(medium);
    if (!mounted.opened()) {
      EXPECT_FALSE(mounted.error().empty());
      continue;
    }
    BusyHands(mounted.driver()).work();
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
