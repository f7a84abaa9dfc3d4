// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_geometry.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::string_view kName = "EXFAT   ";
constexpr std::size_t kNameAt = 3;
constexpr std::size_t kZeroBegin = 11;
constexpr std::size_t kZeroEnd = 64;
constexpr std::size_t kFlagsAt = 106;
constexpr std::size_t kPercentAt = 112;
constexpr std::size_t kSignatureAt = 510;
constexpr std::uint32_t kBootSectors = 11;  // and one with their checksum
constexpr unsigned kSmallestSector = 9;
constexpr unsigned kLargestSector = 12;
constexpr unsigned kLargestCluster = 25;  // 32 MiB
constexpr std::uint64_t kFirstTableSector = 24;
constexpr std::uint32_t kMostClusters = 0xffff'fff5;
constexpr unsigned kSecondTable = 1;

// The fields of the boot sector in its own units.
struct ExfatLayout {
  std::uint64_t sectors;
  std::uint64_t table_at;
  std::uint64_t table_sectors;
  std::uint64_t heap_at;
  std::uint32_t clusters;
  std::uint32_t root;
  unsigned revision;
  unsigned flags;
  unsigned sector_bits;
  unsigned cluster_bits;  // of a cluster in sectors
  unsigned tables;
};

template <std::unsigned_integral T>
T field(std::span<const std::byte> boot, std::size_t offset) {
  return load_le<T>(boot, offset).value_or(0);
}

ExfatLayout layout_of(std::span<const std::byte> boot) {
  return {.sectors = field<std::uint64_t>(boot, 72),
          .table_at = field<std::uint32_t>(boot, 80),
          .table_sectors = field<std::uint32_t>(boot, 84),
          .heap_at = field<std::uint32_t>(boot, 88),
          .clusters = field<std::uint32_t>(boot, 92),
          .root = field<std::uint32_t>(boot, 96),
          .revision = field<std::uint16_t>(boot, 104),
          .flags = field<std::uint16_t>(boot, kFlagsAt),
          .sector_bits = field<std::uint8_t>(boot, 108),
          .cluster_bits = field<std::uint8_t>(boot, 109),
          .tables = field<std::uint8_t>(boot, 110)};
}

bool is_named(std::span<const std::byte> boot) {
  return std::memcmp(boot.data() + kNameAt, kName.data(), kName.size()) == 0;
}

Result<void> check_format(std::span<const std::byte> boot, const ExfatLayout& layout) {
  if (!is_named(boot)) return fail(Errc::kWrongFormat, "this is not an exFAT filesystem");
  if (field<std::uint16_t>(boot, kSignatureAt) != 0xaa55)
    return fail(Errc::kCorrupted, "its boot sector has no signature");
  const auto zero = boot.subspan(kZeroBegin, kZeroEnd - kZeroBegin);
  if (std::ranges::any_of(zero, [](std::byte byte) { return byte != std::byte{0}; }))
    return fail(Errc::kCorrupted, "its boot sector is that of FAT as well");
  if (layout.revision >> 8 != 1)
    return fail(Errc::kUnsupported, "its exFAT version {}.{:02} is unknown", layout.revision >> 8,
                layout.revision & 0xff);
  if (layout.tables == 2) return fail(Errc::kUnsupported, "this is TexFAT, which is not supported");
  if (layout.tables != 1)
    return fail(Errc::kCorrupted, "it claims to have {} allocation tables", layout.tables);
  if ((layout.flags & kSecondTable) != 0)
    return fail(Errc::kCorrupted, "it uses a second allocation table, but has only one");
  return {};
}

Result<void> check_sizes(const ExfatLayout& layout, const BlockIo& io) {
  if (layout.sector_bits < kSmallestSector || layout.sector_bits > kLargestSector)
    return fail(Errc::kCorrupted, "its sectors claim to have 2^{} bytes", layout.sector_bits);
  if (layout.cluster_bits > kLargestCluster - layout.sector_bits)
    return fail(Errc::kCorrupted, "its clusters claim to have 2^{} sectors", layout.cluster_bits);
  if (layout.sectors > io.size() >> layout.sector_bits)
    return fail(Errc::kCorrupted,
                "the filesystem claims {} sectors of {} bytes but the medium has only {} bytes",
                layout.sectors, 1u << layout.sector_bits, io.size());
  return {};
}

// No overflow: all sums are of numbers below 2^32, and products are below 2^57.
Result<void> check_places(const ExfatLayout& layout) {
  if (layout.clusters == 0 || layout.clusters > kMostClusters)
    return fail(Errc::kCorrupted, "it claims to have {} clusters", layout.clusters);
  if (layout.table_at < kFirstTableSector)
    return fail(Errc::kCorrupted, "its allocation table overlaps its boot sectors");
  const std::uint64_t entries = (layout.table_sectors << layout.sector_bits) / 4;
  if (entries < std::uint64_t{layout.clusters} + kFirstCluster)
    return fail(Errc::kCorrupted, "its allocation table is too small for its clusters");
  if (layout.heap_at < layout.table_at + layout.table_sectors)
    return fail(Errc::kCorrupted, "its clusters overlap its allocation table");
  if (layout.heap_at + (std::uint64_t{layout.clusters} << layout.cluster_bits) > layout.sectors)
    return fail(Errc::kCorrupted, "its clusters do not fit into it");
  if (layout.root < kFirstCluster || layout.root - kFirstCluster >= layout.clusters)
    return fail(Errc::kCorrupted, "its root directory begins outside of it");
  return {};
}

// Over all boot sectors, except for the bytes that change while the volume is mounted.
std::uint32_t checksum_of(std::span<const std::byte> sectors) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < sectors.size(); ++i) {
    if (i == kFlagsAt || i == kFlagsAt + 1 || i == kPercentAt) continue;
    sum = std::rotr(sum, 1) + std::to_integer<std::uint32_t>(sectors[i]);
  }
  return sum;
}

Result<void> check_sum(BlockIo& io, std::size_t sector_size) {
  std::vector<std::byte> region((kBootSectors + 1) * sector_size);
  if (const auto read = io.read(0, region); !read)
    return fail_errno(read.error().value, Errc::kIo, "cannot read the boot sectors");
  const std::span<const std::byte> bytes(region);
  const std::uint32_t sum = checksum_of(bytes.first(kBootSectors * sector_size));
  const auto sums = bytes.subspan(kBootSectors * sector_size);
  for (std::size_t at = 0; at < sums.size(); at += sizeof(sum)) {
    if (field<std::uint32_t>(sums, at) != sum)
      return fail(Errc::kCorrupted, "the checksum of its boot sectors is wrong");
  }
  return {};
}

Result<std::array<std::byte, kBootBytes>> read_boot(BlockIo& io) {
  std::array<std::byte, kBootBytes> boot = {};
  if (io.size() < boot.size())
    return fail(Errc::kWrongFormat, "the medium is too small for a filesystem");
  if (const auto read = io.read(0, boot); !read)
    return fail_errno(read.error().value, Errc::kIo, "cannot read the boot sector");
  return boot;
}

std::uint32_t table_block(const Geometry& geometry) {
  const std::uint64_t bits = geometry.table_offset | geometry.table_size | kLargestBlock;
  return std::uint32_t{1} << std::countr_zero(bits);
}

}  // namespace

Result<bool> is_exfat(BlockIo& io) {
  TRY(const auto boot, read_boot(io));
  return is_named(boot);
}

Result<Geometry> read_exfat_geometry(BlockIo& io) {
  TRY(const auto boot, read_boot(io));
  const ExfatLayout layout = layout_of(boot);
  TRY_VOID(check_format(boot, layout));
  TRY_VOID(check_sizes(layout, io));
  TRY_VOID(check_places(layout));
  TRY_VOID(check_sum(io, std::size_t{1} << layout.sector_bits));

  Geometry geometry;
  geometry.kind = FatKind::kExfat;
  geometry.sector_size = 1u << layout.sector_bits;
  geometry.cluster_size = 1u << (layout.sector_bits + layout.cluster_bits);
  geometry.cluster_count = layout.clusters;
  geometry.table_offset = geometry.first_table_offset = layout.table_at << layout.sector_bits;
  geometry.table_size = layout.table_sectors << layout.sector_bits;
  geometry.root_cluster = layout.root;
  geometry.data_offset = geometry.block_origin = layout.heap_at << layout.sector_bits;
  geometry.state_at = kFlagsAt;
  geometry.state = static_cast<std::uint8_t>(layout.flags);
  geometry.block_size = std::min(geometry.cluster_size, kLargestBlock);
  geometry.table_block_size = table_block(geometry);
  return geometry;
}

}  // namespace airlock::fat
