// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "contained/ext/directory.h"

// What names are sorted by: in the index of a directory, and in listings.
namespace airlock::ext {

inline constexpr std::uint8_t kMostHashVersion = 2;  // legacy, half_md4, tea

// The hash by which the index finds a name: always even, the low bit is used by the index itself.
// With a folding it is that of the folded name.
std::optional<std::uint32_t> name_hash(const DirectoryFormat& format, std::uint8_t version,
                                       std::string_view name, const NameFolding* folding = nullptr);

// A position in a listing by hash, 62 bits: 31 of the name's hash, 15 of a second hash of the same
// name, and 16 that count names equal in both, which needs malice or very much luck. Positions 0
// and 1 are "." and "..". In cookies a further bit remembers that something could not be read.
class ListPosition {
 public:
  static constexpr std::uint64_t kDot = 0;
  static constexpr std::uint64_t kDotDot = 1;
  static constexpr std::uint64_t kFirstOrdinal = 2;
  static constexpr std::uint64_t kOrdinals = 1 << 16;

  static constexpr std::uint64_t kDamaged = std::uint64_t{1} << 62;

  // The position of the first name with these hashes, less its ordinal.
  static constexpr std::uint64_t run(std::uint32_t hash, std::uint32_t second_hash) {
    return (std::uint64_t{hash >> 1} << 31) | (std::uint64_t{second_hash >> 17} << 16);
  }
  static constexpr std::uint64_t run_of(std::uint64_t cookie) { return cookie & ~(kOrdinals - 1); }
  static constexpr std::uint32_t hash_of(std::uint64_t cookie) {
    return static_cast<std::uint32_t>(cookie >> 31) << 1;
  }
};

// The second hash.
std::uint32_t list_hash(std::string_view name);

}  // namespace airlock::ext
