// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/volume.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "contained/udf/tag.h"
#include "contained/udf/volume_sequence.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

// The descriptors that tell what is on a medium lie behind the first 32 KiB, each in one sector or
// block.
constexpr std::uint64_t kSector = 2048, kFirstSector = 16, kMostSectors = 128;
constexpr std::size_t kIdentifierBytes = 6;

// Media and those who write them disagree on the size of a block. 2048 is that of all discs.
constexpr std::array<std::uint32_t, 7> kBlockSizes = {2048, 512, 4096, 1024, 8192, 16384, 32768};

// Of the sector, without its first byte.
std::string identifier_of(const MediumReader& medium, std::uint64_t sector) {
  const auto bytes = medium.read_up_to((kFirstSector + sector) * kSector, kIdentifierBytes);
  if (!bytes || bytes->size() < kIdentifierBytes) return {};
  return {reinterpret_cast<const char*>(bytes->data()) + 1, kIdentifierBytes - 1};
}

bool is_udf(const MediumReader& medium) {
  for (std::uint64_t sector = 0; sector < kMostSectors; ++sector) {
    const std::string identifier = identifier_of(medium, sector);
    if (identifier == "NSR02" || identifier == "NSR03") return true;
  }
  return false;
}

// Where the two copies of the volume descriptors are.
struct Anchor {
  VolumeExtent main, reserve;
};

std::optional<Anchor> read_anchor(const MediumReader& medium, std::uint32_t block_size,
                                  std::uint64_t block) {
  const auto bytes = medium.read_up_to(block * block_size, 512);
  if (!bytes || read_tag_of(static_cast<std::uint32_t>(block), *bytes) != Tag::kAnchor)
    return std::nullopt;
  return Anchor{.main = VolumeExtent::decode(*bytes, 16),
                .reserve = VolumeExtent::decode(*bytes, 24)};
}

// All that there are, the most usual first.
std::vector<Anchor> anchors_of(const MediumReader& medium, std::uint32_t block_size) {
  std::vector<std::uint64_t> places = {256};
  const std::uint64_t blocks = medium.size() / block_size;
  if (blocks > 1) places.push_back(blocks - 1);
  if (blocks > 257) places.push_back(blocks - 257);
  // That of a disc which can still be written.
  places.push_back(512);
  std::vector<Anchor> anchors;
  for (const std::uint64_t place : places)
    if (place <= UINT32_MAX)
      if (const auto anchor = read_anchor(medium, block_size, place)) anchors.push_back(*anchor);
  return anchors;
}

Result<Volume> read_with(const MediumReader& medium, const Anchor& anchor,
                         std::uint32_t block_size) {
  auto volume = read_sequence(medium, anchor.main, block_size);
  if (volume) return volume;
  auto other = read_sequence(medium, anchor.reserve, block_size);
  return other ? other : volume;
}

}  // namespace

Result<Volume> read_volume(const MediumReader& medium) {
  if (!is_udf(medium)) return fail(Errc::kWrongFormat, "this is not a UDF filesystem");
  std::optional<Result<Volume>> failed;
  for (const std::uint32_t block_size : kBlockSizes) {
    for (const Anchor& anchor : anchors_of(medium, block_size)) {
      auto volume = read_with(medium, anchor, block_size);
      if (volume) return volume;
      if (!failed) failed = std::move(volume);
    }
  }
  if (failed) return *std::move(failed);
  return fail(Errc::kCorrupted, "no anchor says where its volume descriptors are");
}

bool has_iso9660(const MediumReader& medium) {
  return identifier_of(medium, 0) == "CD001";
}

}  // namespace airlock::udf
