// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/fitness.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace airlock::ext {
namespace {

enum class Expected { kReadWrite, kReadOnly, kRefused };

struct Row {
  std::uint32_t bit;
  Expected expected;
};

ext2_super_block healthy() {
  ext2_super_block super = {};
  super.s_magic = EXT2_SUPER_MAGIC;
  super.s_rev_level = EXT2_DYNAMIC_REV;
  super.s_state = EXT2_VALID_FS;
  return super;
}

Expected judged(const ext2_super_block& super) {
  const auto fitness = judge(super);
  if (!fitness) return Expected::kRefused;
  EXPECT_EQ(fitness->reason.empty(), fitness->mode == MountMode::kReadWrite);
  return fitness->mode == MountMode::kReadWrite ? Expected::kReadWrite : Expected::kReadOnly;
}

Expected expected_of(std::span<const Row> table, std::uint32_t bit, Expected otherwise) {
  for (const Row& row : table)
    if (row.bit == bit) return row.expected;
  return otherwise;
}

// What the table does not name must be refused: every bit, also those nobody has defined yet.
TEST(Fitness, EveryIncompatibleFeature) {
  using enum Expected;
  constexpr Row kTable[] = {
      {EXT2_FEATURE_INCOMPAT_FILETYPE, kReadWrite}, {EXT3_FEATURE_INCOMPAT_RECOVER, kReadOnly},
      {EXT2_FEATURE_INCOMPAT_META_BG, kReadWrite},  {EXT3_FEATURE_INCOMPAT_EXTENTS, kReadWrite},
      {EXT4_FEATURE_INCOMPAT_64BIT, kReadWrite},    {EXT4_FEATURE_INCOMPAT_FLEX_BG, kReadWrite},
      {EXT4_FEATURE_INCOMPAT_EA_INODE, kReadOnly},  {EXT4_FEATURE_INCOMPAT_CSUM_SEED, kReadWrite},
      {EXT4_FEATURE_INCOMPAT_LARGEDIR, kReadWrite}, {EXT4_FEATURE_INCOMPAT_INLINE_DATA, kReadWrite},
  };
  for (unsigned i = 0; i < 32; ++i) {
    const std::uint32_t bit = 1u << i;
    if (bit == EXT4_FEATURE_INCOMPAT_MMP) continue;  // its own rules: see the test of mmp
    ext2_super_block super = healthy();
    super.s_feature_incompat = bit;
    EXPECT_EQ(judged(super), expected_of(kTable, bit, kRefused)) << "bit " << i;
  }
}

TEST(Fitness, EveryReadOnlyCompatibleFeature) {
  using enum Expected;
  constexpr Row kTable[] = {
      {EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER, kReadWrite},
      {EXT2_FEATURE_RO_COMPAT_LARGE_FILE, kReadWrite},
      {EXT4_FEATURE_RO_COMPAT_HUGE_FILE, kReadWrite},
      {EXT4_FEATURE_RO_COMPAT_GDT_CSUM, kReadWrite},
      {EXT4_FEATURE_RO_COMPAT_DIR_NLINK, kReadWrite},
      {EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE, kReadWrite},
      {EXT4_FEATURE_RO_COMPAT_METADATA_CSUM, kReadWrite},
  };
  for (unsigned i = 0; i < 32; ++i) {
    ext2_super_block super = healthy();
    super.s_feature_ro_compat = 1u << i;
    EXPECT_EQ(judged(super), expected_of(kTable, 1u << i, kReadOnly)) << "bit " << i;
  }
}

TEST(Fitness, CompatibleFeaturesNeverMatter) {
  for (unsigned i = 0; i < 32; ++i) {
    ext2_super_block super = healthy();
    super.s_feature_compat = 1u << i;
    super.s_journal_inum = 8;
    EXPECT_EQ(judged(super), Expected::kReadWrite) << "bit " << i;
  }
}

TEST(Fitness, ReasonsNameTheFeature) {
  ext2_super_block super = healthy();
  super.s_feature_ro_compat = EXT4_FEATURE_RO_COMPAT_BIGALLOC | EXT4_FEATURE_RO_COMPAT_VERITY;
  EXPECT_EQ(judge(super)->reason, "it uses features this driver can only read: bigalloc, verity");
  super = healthy();
  super.s_feature_incompat = EXT4_FEATURE_INCOMPAT_ENCRYPT;
  EXPECT_NE(judge(super).error().message().find("encrypt"), std::string::npos);
}

TEST(Fitness, FoldedNamesNeedAKnownEncoding) {
  ext2_super_block super = healthy();
  super.s_feature_incompat = EXT4_FEATURE_INCOMPAT_CASEFOLD;
  super.s_encoding = EXT4_ENC_UTF8_12_1;
  EXPECT_EQ(judged(super), Expected::kReadWrite);
  super.s_encoding = EXT4_ENC_UTF8_12_1 + 1;
  EXPECT_EQ(judged(super), Expected::kRefused);
  EXPECT_NE(judge(super).error().message().find("encoding"), std::string::npos);
}

TEST(Fitness, OtherFormatsAndRevisions) {
  ext2_super_block super = healthy();
  super.s_magic = 0x1234;
  EXPECT_EQ(judged(super), Expected::kRefused);
  super = healthy();
  super.s_rev_level = 2;
  EXPECT_EQ(judged(super), Expected::kRefused);
}

TEST(Fitness, OldRevisionsHaveNoFeatures) {
  ext2_super_block super = healthy();
  super.s_rev_level = EXT2_GOOD_OLD_REV;
  super.s_feature_incompat = 0xffffffff;
  EXPECT_EQ(judged(super), Expected::kReadWrite);
  super.s_state = 0;
  EXPECT_EQ(judged(super), Expected::kReadOnly);
}

TEST(Fitness, UncleanVolumesAreOnlyRead) {
  ext2_super_block super = healthy();
  super.s_state = 0;
  EXPECT_EQ(judged(super), Expected::kReadOnly);
  super.s_state = EXT2_VALID_FS | EXT2_ERROR_FS;
  EXPECT_EQ(judged(super), Expected::kReadOnly);
}

TEST(Fitness, AJournalElsewhereIsOnlyRead) {
  ext2_super_block super = healthy();
  super.s_feature_compat = EXT3_FEATURE_COMPAT_HAS_JOURNAL;
  super.s_journal_inum = 0;
  EXPECT_EQ(judged(super), Expected::kReadOnly);
}

}  // namespace
}  // namespace airlock::ext
