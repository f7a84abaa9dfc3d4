// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/geometry.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kSlotBytes = 32;
constexpr std::uint32_t kMost12 = 0xff4;
constexpr std::uint32_t kMost16 = 0xfff4;
constexpr std::uint32_t kMost32 = 0x0ffffff4;
constexpr std::uint32_t kMostTables = 8;

class BootSector {
 public:
  explicit BootSector(const std::array<std::byte, kBootBytes>& bytes) : bytes_(bytes) {}
  template <std::unsigned_integral T>
  [[nodiscard]] T at(std::size_t offset) const {
    return load_le<T>(bytes_, offset).value_or(0);
  }
  [[nodiscard]] bool is_made_by(std::string_view name) const {
    return std::memcmp(bytes_.data() + 3, name.data(), name.size()) == 0;
  }

 private:
  const std::array<std::byte, kBootBytes>& bytes_;
};

// The fields of the boot sector in its own units, sectors.
struct FatLayout {
  std::uint64_t sector_size;
  std::uint64_t cluster_sectors;
  std::uint64_t reserved;
  std::uint64_t tables;
  std::uint64_t table_sectors;
  std::uint64_t root_slots;
  std::uint64_t sectors;
  bool wide;  // FAT32
};

FatLayout layout_of(const BootSector& boot) {
  const std::uint64_t small_table = boot.at<std::uint16_t>(0x16);
  const std::uint64_t small_total = boot.at<std::uint16_t>(0x13);
  return {.sector_size = boot.at<std::uint16_t>(0x0b),
          .cluster_sectors = boot.at<std::uint8_t>(0x0d),
          .reserved = boot.at<std::uint16_t>(0x0e),
          .tables = boot.at<std::uint8_t>(0x10),
          .table_sectors = small_table != 0 ? small_table : boot.at<std::uint32_t>(0x24),
          .root_slots = boot.at<std::uint16_t>(0x11),
          .sectors = small_total != 0 ? small_total : boot.at<std::uint32_t>(0x20),
          .wide = small_table == 0};
}

// Tells a FAT boot sector from any other; the message of the first check must not alarm.
Result<void> check_format(const BootSector& boot, const FatLayout& layout) {
  if (boot.is_made_by("EXFAT   ")) return fail(Errc::kWrongFormat, "this is exFAT");
  const unsigned media = boot.at<std::uint8_t>(0x15);
  const bool sector_ok = layout.sector_size >= 512 && layout.sector_size <= 4096 &&
                         std::has_single_bit(layout.sector_size);
  if (boot.is_made_by("NTFS    ") || !sector_ok || !std::has_single_bit(layout.cluster_sectors) ||
      (media != 0xf0 && media < 0xf8))
    return fail(Errc::kWrongFormat, "this is not a FAT filesystem");
  return {};
}

Result<void> check_layout(const FatLayout& layout, const BlockIo& io) {
  if (layout.reserved == 0)
    return fail(Errc::kCorrupted, "its boot sector reserves no room for itself");
  if (layout.tables == 0 || layout.tables > kMostTables)
    return fail(Errc::kCorrupted, "it claims to have {} allocation tables", layout.tables);
  if (layout.table_sectors == 0) return fail(Errc::kCorrupted, "its allocation table has no size");
  if (layout.wide && layout.root_slots != 0)
    return fail(Errc::kCorrupted, "it claims the root directories of both FAT16 and FAT32");
  if (!layout.wide && layout.root_slots == 0)
    return fail(Errc::kCorrupted, "it has no root directory");
  if (layout.root_slots * kSlotBytes % layout.sector_size != 0)
    return fail(Errc::kCorrupted, "its root directory does not fill its sectors");
  if (layout.sectors == 0) return fail(Errc::kCorrupted, "it claims to have no sectors");
  // No overflow: all factors are below 2^32, 2^12 and 2^8.
  if (layout.sectors * layout.sector_size > io.size())
    return fail(Errc::kCorrupted, "the filesystem claims {} bytes but the medium has only {}",
                layout.sectors * layout.sector_size, io.size());
  const std::uint64_t before = layout.reserved + layout.tables * layout.table_sectors +
                               layout.root_slots * kSlotBytes / layout.sector_size;
  if (before + layout.cluster_sectors > layout.sectors)
    return fail(Errc::kCorrupted, "its tables leave no room for files");
  return {};
}

FatKind kind_of(const FatLayout& layout, std::uint64_t clusters) {
  if (layout.wide) return FatKind::k32;
  return clusters <= kMost12 ? FatKind::k12 : FatKind::k16;
}

Result<std::uint32_t> count_clusters(const FatLayout& layout, FatKind kind, std::uint64_t room) {
  const std::uint64_t most = kind == FatKind::k12   ? kMost12
                             : kind == FatKind::k16 ? kMost16
                                                    : kMost32;
  if (room > most)
    return fail(Errc::kCorrupted, "it claims more clusters than a FAT{} can have",
                entry_bits(kind));
  // A table may be too short for the last clusters; then they are unusable.
  const std::uint64_t entries = layout.table_sectors * layout.sector_size * 8 / entry_bits(kind);
  if (entries <= kFirstCluster)
    return fail(Errc::kCorrupted, "its allocation table is too small for any cluster");
  return static_cast<std::uint32_t>(std::min(room, entries - kFirstCluster));
}

Result<void> add_wide_fields(const BootSector& boot, const FatLayout& layout, Geometry& geometry) {
  if (boot.at<std::uint16_t>(0x2a) != 0)
    return fail(Errc::kUnsupported, "its FAT32 version {:#x} is unknown",
                boot.at<std::uint16_t>(0x2a));
  const unsigned flags = boot.at<std::uint16_t>(0x28);
  if ((flags & 0x80) != 0) {
    const std::uint64_t active = flags & 0x0f;
    if (active >= layout.tables)
      return fail(Errc::kCorrupted, "it uses allocation table {} of {}", active + 1, layout.tables);
    geometry.mirrored = false;
    geometry.table_offset += active * geometry.table_size;
  }
  geometry.root_cluster = boot.at<std::uint32_t>(0x2c);
  if (!geometry.is_cluster(geometry.root_cluster))
    return fail(Errc::kCorrupted, "its root directory begins outside of it");
  const std::uint64_t info = boot.at<std::uint16_t>(0x30);
  if (info != 0 && info < layout.reserved) geometry.info_offset = info * layout.sector_size;
  return {};
}

std::uint32_t common_block(const Geometry& geometry) {
  std::uint64_t bits = geometry.first_table_offset | geometry.table_size | geometry.data_offset |
                       geometry.cluster_size | kLargestBlock;
  if (geometry.kind != FatKind::k32) bits |= geometry.root_offset;
  return std::uint32_t{1} << std::countr_zero(bits);
}

}  // namespace

Result<Geometry> read_geometry(BlockIo& io) {
  std::array<std::byte, kBootBytes> bytes = {};
  if (io.size() < bytes.size())
    return fail(Errc::kWrongFormat, "the medium is too small for a FAT filesystem");
  if (const auto read = io.read(0, bytes); !read)
    return fail_errno(read.error().value, Errc::kIo, "cannot read the boot sector");
  const BootSector boot(bytes);
  const FatLayout layout = layout_of(boot);
  TRY_VOID(check_format(boot, layout));
  TRY_VOID(check_layout(layout, io));

  Geometry geometry;
  const std::uint64_t sector = layout.sector_size;
  geometry.sector_size = static_cast<std::uint32_t>(sector);
  geometry.cluster_size = static_cast<std::uint32_t>(sector * layout.cluster_sectors);
  geometry.first_table_offset = geometry.table_offset = layout.reserved * sector;
  geometry.table_size = layout.table_sectors * sector;
  geometry.table_count = static_cast<std::uint32_t>(layout.tables);
  geometry.root_offset = geometry.table_offset + layout.tables * geometry.table_size;
  geometry.root_slots = static_cast<std::uint32_t>(layout.root_slots);
  geometry.data_offset = geometry.root_offset + layout.root_slots * kSlotBytes;
  const std::uint64_t room =
      (layout.sectors * sector - geometry.data_offset) / geometry.cluster_size;
  geometry.kind = kind_of(layout, room);
  TRY(geometry.cluster_count, count_clusters(layout, geometry.kind, room));
  if (layout.wide) TRY_VOID(add_wide_fields(boot, layout, geometry));
  const std::uint32_t signature_at = layout.wide ? 0x42 : 0x26;
  const unsigned signature = boot.at<std::uint8_t>(signature_at);
  if (signature == 0x28 || signature == 0x29) {
    geometry.state_at = signature_at - 1;
    geometry.state = boot.at<std::uint8_t>(geometry.state_at);
  }
  geometry.block_size = geometry.table_block_size = common_block(geometry);
  return geometry;
}

}  // namespace airlock::fat
