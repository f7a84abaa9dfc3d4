// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "contained/ext/xattr.h"

namespace airlock::ext {

// Where attributes lie: entries from the front, values from the back. The two places differ in
// their header and in what the offsets of values count from.
struct AttributeRegion {
  std::size_t header = 0;  // bytes before the first entry
  std::size_t base = 0;    // offsets of values count from here
  std::size_t size = 0;

  // The region of an inode with this many bytes left, the region of a block.
  static AttributeRegion of_inode(std::size_t size);
  static AttributeRegion of_block(std::size_t size);
};

// What an attribute takes of a region, its entry and its value.
std::size_t attribute_space(const Attribute& attribute);
// What a region offers; the end of the entries has a mark of its own.
std::size_t region_space(const AttributeRegion& region);

// Appends the attributes of a region. EUCLEAN for one that contradicts itself.
Outcome<void> parse_region(std::span<const std::byte> bytes, const AttributeRegion& region,
                           Attribute::Place place, std::vector<Attribute>& attributes);

enum class EntryHashes { kLeaveZero, kFill };

// Writes attributes that are known to fit behind the header and zeros between. Answers the hash
// over all entries, for the header of a block.
std::uint32_t write_region(std::span<std::byte> bytes, const AttributeRegion& region,
                           std::span<const Attribute* const> attributes, EntryHashes hashes);

}  // namespace airlock::ext
