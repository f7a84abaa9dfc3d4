// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory_hash.h"

#include <ext2fs/ext2_fs.h>

#include <span>

#include "contained/ext/directory_checksum.h"
#include "contained/ext/libext2fs.h"

namespace airlock::ext {
namespace {

// The kernel keeps the highest hash for "end of directory" and moves names off it.
constexpr std::uint32_t kEndHash = 0xfffffffe;
constexpr std::uint8_t kToUnsigned = EXT2_HASH_LEGACY_UNSIGNED - EXT2_HASH_LEGACY;

}  // namespace

std::optional<std::uint32_t> name_hash(const DirectoryFormat& format, std::uint8_t version,
                                       std::string_view name, const NameFolding* folding) {
  if (version > kMostHashVersion) return std::nullopt;
  const int variant = version + (format.unsigned_hash ? kToUnsigned : 0);
  ext2_dirhash_t major = 0;
  ext2_dirhash_t minor = 0;
  if (ext2fs_dirhash2(variant, name.data(), static_cast<int>(name.size()),
                      folding != nullptr ? folding->table() : nullptr,
                      folding != nullptr ? EXT4_CASEFOLD_FL : 0, format.hash_seed.data(), &major,
                      &minor) != 0)
    return std::nullopt;
  major &= ~std::uint32_t{1};
  return major == kEndHash ? kEndHash - 2 : major;
}

std::uint32_t list_hash(std::string_view name) {
  return crc32c(~std::uint32_t{0}, std::as_bytes(std::span(name)));
}

}  // namespace airlock::ext
