// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/fitness.h"

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace airlock::ext {
namespace {

struct FeatureName {
  std::uint32_t bit;
  std::string_view name;
};

// Names as dumpe2fs prints them.
constexpr std::array kIncompatibleNames = {
    FeatureName{EXT2_FEATURE_INCOMPAT_COMPRESSION, "compression"},
    FeatureName{EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
    FeatureName{EXT4_FEATURE_INCOMPAT_DIRDATA, "dirdata"},
    FeatureName{EXT4_FEATURE_INCOMPAT_EA_INODE, "ea_inode"},
    FeatureName{EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
};
constexpr std::array kReadOnlyNames = {
    FeatureName{EXT4_FEATURE_RO_COMPAT_HAS_SNAPSHOT, "has_snapshot"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_REPLICA, "replica"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_READONLY, "read-only"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_PROJECT, "project"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
    FeatureName{EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT, "orphan_present"},
};

constexpr std::uint32_t kReadable =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP |
    EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE |
    EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR |
    EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_CASEFOLD;

constexpr std::uint32_t kWritable =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;

template <std::size_t Count>
std::string name_features(std::uint32_t bits, const std::array<FeatureName, Count>& names) {
  std::string text;
  const auto add = [&text](std::string_view name) {
    if (!text.empty()) text += ", ";
    text += name;
  };
  for (const FeatureName& feature : names) {
    if ((bits & feature.bit) != 0) add(feature.name);
    bits &= ~feature.bit;
  }
  for (; bits != 0; bits &= bits - 1)
    add(fmt::format("unknown feature bit {}", std::countr_zero(bits)));
  return text;
}

Fitness read_only(std::string reason) {
  return {.mode = MountMode::kReadOnly, .reason = std::move(reason)};
}

}  // namespace

Result<Fitness> judge(const ext2_super_block& superblock) {
  if (superblock.s_magic != EXT2_SUPER_MAGIC)
    return fail(Errc::kWrongFormat, "this is not an ext2, ext3 or ext4 filesystem");
  if (superblock.s_rev_level > EXT2_DYNAMIC_REV)
    return fail(Errc::kUnsupported, "its format revision {} is unknown", superblock.s_rev_level);
  if (superblock.s_rev_level == EXT2_GOOD_OLD_REV) {
    if ((superblock.s_state & EXT2_VALID_FS) == 0)
      return read_only("it was not unmounted cleanly; check it with e2fsck");
    return Fitness{};
  }
  if (const std::uint32_t unknown = superblock.s_feature_incompat & ~kReadable; unknown != 0)
    return fail(Errc::kUnsupported, "it uses features this driver does not support: {}",
                name_features(unknown, kIncompatibleNames));
  if ((superblock.s_feature_incompat & EXT4_FEATURE_INCOMPAT_CASEFOLD) != 0 &&
      superblock.s_encoding != EXT4_ENC_UTF8_12_1)
    return fail(Errc::kUnsupported, "its names have the unknown encoding {}",
                superblock.s_encoding);
  // First of the reasons: replaying also settles some of the features below (orphan_present).
  if ((superblock.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0)
    return read_only("its journal must be replayed first; run e2fsck on it");
  if (const std::uint32_t foreign = superblock.s_feature_ro_compat & ~kWritable; foreign != 0)
    return read_only(fmt::format("it uses features this driver can only read: {}",
                                 name_features(foreign, kReadOnlyNames)));
  if ((superblock.s_feature_incompat & EXT4_FEATURE_INCOMPAT_EA_INODE) != 0)
    return read_only("it uses features this driver can only read: ea_inode");
  if ((superblock.s_state & EXT2_ERROR_FS) != 0)
    return read_only("errors were found on it before; check it with e2fsck");
  if ((superblock.s_state & EXT2_VALID_FS) == 0)
    return read_only("it was not unmounted cleanly; check it with e2fsck");
  if ((superblock.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) != 0 &&
      superblock.s_journal_inum == 0)
    return read_only("its journal is on another device");
  return Fitness{};
}

}  // namespace airlock::ext
