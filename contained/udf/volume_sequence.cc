// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/volume_sequence.h"

#include <optional>
#include <string_view>

#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr int kMostDescriptors = 256;
constexpr std::size_t kMostPartitions = 16, kMostMaps = 16;
constexpr std::uint16_t kNewestRevision = 0x260;
// Every descriptor is short enough for the smallest block, but for the maps of a logical volume.
constexpr std::size_t kSequenceNumber = 16;
namespace pointer {
constexpr std::size_t kNext = 20;
}
namespace partition {
constexpr std::size_t kNumber = 22, kStart = 188, kLength = 192;
}
namespace logical {
constexpr std::size_t kBlockSize = 212, kDomain = 217, kRevision = 240, kFileSet = 248,
                      kMapsLength = 264, kMapCount = 268, kMaps = 440;
}
namespace map {
constexpr std::size_t kHeader = 2, kPhysicalBytes = 6, kPhysicalNumber = 4, kOtherBytes = 64,
                      kIdentifier = 5, kNumber = 38, kPacket = 40, kTables = 42, kTableBytes = 44,
                      kTableBlocks = 48, kFile = 40, kMirror = 44;
constexpr std::size_t kMostTables = 4;
}  // namespace map

std::string_view text_at(std::span<const std::byte> bytes, std::size_t at, std::size_t most) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + at, most);
  return text.substr(0, text.find('\0'));
}

std::optional<PartitionMap> sparable_map(std::span<const std::byte> bytes, PartitionMap found) {
  found.kind = PartitionKind::kSparable;
  found.packet_blocks = *load_le<std::uint16_t>(bytes, map::kPacket);
  found.table_bytes = *load_le<std::uint32_t>(bytes, map::kTableBytes);
  const auto tables = std::to_integer<std::size_t>(bytes[map::kTables]);
  if (found.packet_blocks == 0 || tables > map::kMostTables) return std::nullopt;
  for (std::size_t i = 0; i < tables; ++i)
    found.table_blocks.push_back(*load_le<std::uint32_t>(bytes, map::kTableBlocks + 4 * i));
  return found;
}

// Nothing for a kind that is not known.
std::optional<PartitionMap> map_of(std::span<const std::byte> bytes) {
  PartitionMap found;
  if (bytes[0] == std::byte{1} && bytes.size() == map::kPhysicalBytes) {
    found.number = *load_le<std::uint16_t>(bytes, map::kPhysicalNumber);
    return found;
  }
  if (bytes[0] != std::byte{2} || bytes.size() != map::kOtherBytes) return std::nullopt;
  found.number = *load_le<std::uint16_t>(bytes, map::kNumber);
  const std::string_view identifier = text_at(bytes, map::kIdentifier, 23);
  if (identifier == "*UDF Sparable Partition") return sparable_map(bytes, found);
  if (identifier == "*UDF Virtual Partition") {
    found.kind = PartitionKind::kVirtual;
    return found;
  }
  if (identifier != "*UDF Metadata Partition") return std::nullopt;
  found.kind = PartitionKind::kMetadata;
  found.file = *load_le<std::uint32_t>(bytes, map::kFile);
  found.mirror = *load_le<std::uint32_t>(bytes, map::kMirror);
  return found;
}

Result<std::vector<PartitionMap>> maps_of(std::span<const std::byte> descriptor) {
  const std::size_t length = *load_le<std::uint32_t>(descriptor, logical::kMapsLength);
  const std::uint32_t count = *load_le<std::uint32_t>(descriptor, logical::kMapCount);
  if (descriptor.size() - logical::kMaps < length || count == 0 || count > kMostMaps)
    return fail(Errc::kCorrupted, "the partition maps of its logical volume don't fit into it");
  auto rest = descriptor.subspan(logical::kMaps, length);
  std::vector<PartitionMap> maps;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto size = rest.size() < map::kHeader ? 0 : std::to_integer<std::size_t>(rest[1]);
    if (size < map::kHeader || size > rest.size())
      return fail(Errc::kCorrupted, "the partition maps of its logical volume don't fit into it");
    auto found = map_of(rest.first(size));
    if (!found) return fail(Errc::kUnsupported, "it has a partition of an unknown kind");
    maps.push_back(*std::move(found));
    rest = rest.subspan(size);
  }
  return maps;
}

// Collects what one copy has.
class Sequence {
 public:
  Sequence(const MediumReader& medium, std::uint32_t block_size)
      : medium_(medium), block_size_(block_size) {}

  // Up to the end that a descriptor marks, a block that is none, or the end of the extent, which
  // may say where there are more.
  void read(VolumeExtent extent) {
    for (int i = 0; i < kMostDescriptors && extent.bytes >= block_size_; ++i) {
      const auto block = medium_.read_up_to(std::uint64_t{extent.block} * block_size_, block_size_);
      if (!block || block->size() < block_size_) return;
      const auto tag = read_tag_of(extent.block, *block);
      if (!tag || tag == Tag::kTerminating) return;
      if (tag == Tag::kVolumePointer) {
        extent = VolumeExtent::decode(*block, pointer::kNext);
        continue;
      }
      take(*tag, *block);
      ++extent.block;
      extent.bytes -= block_size_;
    }
  }

  Result<Volume> result() const {
    if (logical_.empty())
      return fail(Errc::kCorrupted, "it has no logical volume descriptor that can be read");
    const std::span<const std::byte> bytes = logical_;
    const auto size = *load_le<std::uint32_t>(bytes, logical::kBlockSize);
    if (size != block_size_)
      return fail(Errc::kCorrupted, "its blocks have {} bytes, but it is written in blocks of {}",
                  size, block_size_);
    const auto revision = *load_le<std::uint16_t>(bytes, logical::kRevision);
    if (text_at(bytes, logical::kDomain, 23) == "*OSTA UDF Compliant" && revision > kNewestRevision)
      return fail(Errc::kUnsupported, "it is UDF {:x}.{:02x}, and 2.60 is the newest that is known",
                  revision >> 8, revision & 0xff);
    Volume volume = {.block_size = block_size_,
                     .file_set = LongExtent::decode(bytes, logical::kFileSet).place,
                     .maps = {},
                     .partitions = {}};
    TRY(volume.maps, maps_of(bytes));
    for (const auto& [number, found] : partitions_) volume.partitions[number] = found.bounds;
    for (const PartitionMap& map : volume.maps)
      if (!volume.partitions.contains(map.number))
        return fail(Errc::kCorrupted, "it has no descriptor of its partition {}", map.number);
    return volume;
  }

 private:
  struct Found {
    std::uint32_t sequence;
    PartitionBounds bounds;
  };

  void take(Tag tag, std::span<const std::byte> block) {
    const auto sequence = *load_le<std::uint32_t>(block, kSequenceNumber);
    if (tag == Tag::kLogicalVolume && (logical_.empty() || sequence >= logical_sequence_)) {
      logical_.assign(block.begin(), block.end());
      logical_sequence_ = sequence;
    }
    if (tag != Tag::kPartition) return;
    const auto number = *load_le<std::uint16_t>(block, partition::kNumber);
    const auto known = partitions_.find(number);
    if (known == partitions_.end() ? partitions_.size() == kMostPartitions
                                   : known->second.sequence > sequence)
      return;
    partitions_[number] = {
        .sequence = sequence,
        .bounds = {.start = *load_le<std::uint32_t>(block, partition::kStart),
                   .length = *load_le<std::uint32_t>(block, partition::kLength)}};
  }

  const MediumReader& medium_;
  std::uint32_t block_size_;
  std::uint32_t logical_sequence_ = 0;
  std::vector<std::byte> logical_;
  std::map<std::uint16_t, Found> partitions_;
};

}  // namespace

VolumeExtent VolumeExtent::decode(std::span<const std::byte> bytes, std::size_t at) {
  return {.bytes = load_le<std::uint32_t>(bytes, at).value_or(0),
          .block = load_le<std::uint32_t>(bytes, at + 4).value_or(0)};
}

Result<Volume> read_sequence(const MediumReader& medium, VolumeExtent extent,
                             std::uint32_t block_size) {
  Sequence sequence(medium, block_size);
  sequence.read(extent);
  return sequence.result();
}

}  // namespace airlock::udf
