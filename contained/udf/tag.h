// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace airlock::udf {

// Every descriptor begins with a tag (ECMA-167, 3/7.2 and 4/7.2) that says what it is.
enum class Tag : std::uint16_t {
  kSparingTable = 0,
  kAnchor = 2,
  kVolumePointer = 3,
  kPartition = 5,
  kLogicalVolume = 6,
  kTerminating = 8,
  kFileSet = 256,
  kFileIdentifier = 257,
  kAllocationExtent = 258,
  kIndirectEntry = 259,
  kFileEntry = 261,
  kExtendedFileEntry = 266,
};
constexpr std::size_t kTagBytes = 16;

// The checksum of descriptors.
std::uint16_t crc_of(std::span<const std::byte> bytes);

// What these bytes begin with, or nothing unless the tag and the bytes behind it have the checksums
// it says. `location` is the block that it says it lies in.
struct FoundTag {
  Tag tag;
  std::uint32_t location;
};
std::optional<FoundTag> read_tag(std::span<const std::byte> bytes);
// The same of a descriptor that is to be in this block.
std::optional<Tag> read_tag_of(std::uint32_t block, std::span<const std::byte> bytes);

}  // namespace airlock::udf
