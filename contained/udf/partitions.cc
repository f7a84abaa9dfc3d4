// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/partitions.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>

#include "contained/udf/sparing_table.h"
#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

// Behind its last block a disc may have been filled up, and an image padded.
constexpr std::uint64_t kMostBlocksBehind = 512;
constexpr std::uint64_t kOldTrailer = 36;  // behind the entries of a table of UDF 1.50
constexpr std::uint32_t kUnused = 0xffffffff;

bool is_in_file(PartitionKind kind) {
  return kind == PartitionKind::kVirtual || kind == PartitionKind::kMetadata;
}

// The map of the part of the medium that one in a file lies in: it has the same number.
std::optional<std::uint16_t> below(const Volume& volume, const PartitionMap& map) {
  for (std::size_t i = 0; i < volume.maps.size(); ++i)
    if (!is_in_file(volume.maps[i].kind) && volume.maps[i].number == map.number)
      return static_cast<std::uint16_t>(i);
  return std::nullopt;
}

// Up to UDF 1.50 a table has no type of its own, but this behind its entries.
bool is_old_table(const PhysicalPartitions& physical, const FileData& file) {
  constexpr std::string_view kIdentifier = "*UDF Virtual Alloc Tbl";
  if (file.size() < kOldTrailer) return false;
  std::array<std::byte, kIdentifier.size()> bytes;
  if (!file.read(physical, file.size() - kOldTrailer + 1, bytes)) return false;
  return kIdentifier == std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

struct VirtualTable {
  std::uint64_t begin;
  std::uint64_t entries;
};

std::optional<VirtualTable> table_of(const PhysicalPartitions& physical, FileType type,
                                     const FileData& file) {
  if (type == FileType::kVirtualTable) {
    std::array<std::byte, 2> header;
    if (!file.read(physical, 0, header)) return std::nullopt;
    const std::uint64_t begin = *load_le<std::uint16_t>(header, 0);
    if (begin > file.size()) return std::nullopt;
    return VirtualTable{.begin = begin, .entries = (file.size() - begin) / 4};
  }
  if (!is_old_table(physical, file)) return std::nullopt;
  return VirtualTable{.begin = 0, .entries = (file.size() - kOldTrailer) / 4};
}

}  // namespace

Result<Partitions> Partitions::open(const MediumReader& medium, const Volume& volume) {
  PhysicalPartitions physical(medium, volume.block_size);
  for (const PartitionMap& map : volume.maps) {
    const PartitionBounds bounds = volume.partitions.at(map.number);
    PhysicalPartition partition = {.start = bounds.start, .length = bounds.length, .sparing = {}};
    if (map.kind == PartitionKind::kSparable) {
      TRY(partition.sparing, read_sparing(medium, volume.block_size, map));
    }
    physical.add(is_in_file(map.kind) ? PhysicalPartition() : std::move(partition));
  }
  Partitions partitions(physical);
  for (const PartitionMap& map : volume.maps) {
    auto& in_file = partitions.in_files_.emplace_back();
    if (!is_in_file(map.kind)) continue;
    const auto part = below(volume, map);
    if (!part)
      return fail(Errc::kCorrupted, "it has a partition in a file of partition {}, which is none",
                  map.number);
    if (map.kind == PartitionKind::kVirtual) {
      TRY(in_file, open_virtual(physical, *part));
    } else {
      TRY(in_file, open_metadata(physical, *part, map));
    }
  }
  return partitions;
}

// The table is the last thing on the medium.
Result<Partitions::InFile> Partitions::open_virtual(const PhysicalPartitions& physical,
                                                    std::uint16_t partition) {
  const std::uint64_t start = physical[partition].start;
  const std::uint64_t end =
      std::min<std::uint64_t>(physical.medium_blocks(), start + physical[partition].length);
  for (std::uint64_t i = 1; i <= kMostBlocksBehind && end >= start + i; ++i) {
    const Place place = {.block = static_cast<std::uint32_t>(end - start - i),
                         .partition = partition};
    const auto entry = FileEntry::read(physical, place);
    if (!entry || (entry->type != FileType::kVirtualTable && entry->type != FileType::kUnspecified))
      continue;
    auto file = FileData::load(physical, *entry);
    if (!file) continue;
    const auto table = table_of(physical, entry->type, *file);
    if (table)
      return InFile{.kind = PartitionKind::kVirtual,
                    .file = *std::move(file),
                    .partition = partition,
                    .entries_at = table->begin,
                    .entries = table->entries};
  }
  return fail(Errc::kCorrupted,
              "it has no virtual allocation table at its end, so it was not written to the end or "
              "is not complete");
}

Result<Partitions::InFile> Partitions::open_metadata(const PhysicalPartitions& physical,
                                                     std::uint16_t partition,
                                                     const PartitionMap& map) {
  for (const std::uint32_t block : {map.file, map.mirror}) {
    const auto entry = FileEntry::read(physical, {.block = block, .partition = partition});
    if (!entry || (entry->type != FileType::kMetadata && entry->type != FileType::kMetadataMirror))
      continue;
    if (auto file = FileData::load(physical, *entry))
      return InFile{
          .kind = PartitionKind::kMetadata, .file = *std::move(file), .partition = partition};
  }
  return fail(Errc::kCorrupted, "neither its metadata file nor the copy of it can be read");
}

std::uint64_t Partitions::size() const {
  std::set<std::uint32_t> counted;
  std::uint64_t blocks = 0;
  for (std::size_t i = 0; i < physical_.count(); ++i)
    if (counted.insert(physical_[i].start).second) blocks += physical_[i].length;
  return blocks * block_size();
}

Outcome<void> Partitions::read(Place place, std::uint64_t offset, std::span<std::byte> into) const {
  if (place.partition >= in_files_.size()) return refuse(EIO);
  const auto& in_file = in_files_[place.partition];
  if (!in_file) return physical_.read(place, offset, into);
  if (in_file->kind == PartitionKind::kVirtual) return read_virtual(*in_file, place, offset, into);
  const auto position = checked_add(std::uint64_t{place.block} * block_size(), offset);
  if (!position) return refuse(EIO);
  return in_file->file.read(physical_, *position, into);
}

Outcome<void> Partitions::read_virtual(const InFile& table, Place place, std::uint64_t offset,
                                       std::span<std::byte> into) const {
  std::uint64_t block = place.block + offset / block_size();
  std::uint64_t within = offset % block_size();
  while (!into.empty()) {
    if (block >= table.entries) return refuse(EIO);
    std::array<std::byte, 4> entry;
    TRY_VOID(table.file.read(physical_, table.entries_at + 4 * block, entry));
    const auto written = *load_le<std::uint32_t>(entry, 0);
    if (written == kUnused) return refuse(EIO);
    const auto part = into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), block_size() - within)));
    TRY_VOID(physical_.read({.block = written, .partition = table.partition}, within, part));
    into = into.subspan(part.size());
    within = 0;
    ++block;
  }
  return {};
}

}  // namespace airlock::udf
