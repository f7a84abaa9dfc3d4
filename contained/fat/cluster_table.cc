// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/cluster_table.h"

#include <algorithm>
#include <cerrno>

#include "contained/fat/write_order.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kWideMask = 0x0fff'ffff;

constexpr std::uint32_t largest(FatKind kind) {
  switch (kind) {
    case FatKind::k12:
      return 0xfff;
    case FatKind::k16:
      return 0xffff;
    case FatKind::k32:
      return kWideMask;
    case FatKind::kExfat:
      break;
  }
  return 0xffff'ffff;
}

// In the second entry; set means good.
constexpr std::uint32_t clean_bit(FatKind kind) {
  return kind == FatKind::k16 ? 0x8000 : 0x0800'0000;
}
constexpr std::uint32_t sound_bit(FatKind kind) {
  return kind == FatKind::k16 ? 0x4000 : 0x0400'0000;
}
constexpr std::uint32_t kMarkEntry = 1;

}  // namespace

std::uint64_t ClusterTable::offset_of(std::uint32_t cluster) const {
  return geometry_.table_offset + std::uint64_t{cluster} * entry_bits(geometry_.kind) / 8;
}

std::uint64_t ClusterTable::sector_of(std::uint32_t cluster) const {
  return offset_of(cluster) / WriteOrder::kSectorSize;
}

std::uint32_t ClusterTable::read_ahead(std::uint64_t block) const {
  const std::uint64_t end = (geometry_.table_offset + geometry_.table_size) / cache_.block_size();
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(kAheadBytes / cache_.block_size(), end - block));
}

// From the byte to the end of its block.
Outcome<std::span<std::byte>> ClusterTable::byte(std::uint64_t offset) {
  const std::uint64_t block = offset / cache_.block_size();
  TRY(const auto bytes, cache_.read(block, read_ahead(block)));
  return bytes.subspan(offset % cache_.block_size());
}

Outcome<std::uint32_t> ClusterTable::load_raw(std::uint32_t cluster) {
  const std::uint64_t offset = offset_of(cluster);
  TRY(const auto bytes, byte(offset));
  if (geometry_.kind == FatKind::k16) return load_le<std::uint16_t>(bytes, 0).value_or(0);
  if (entry_bits(geometry_.kind) == 32) return load_le<std::uint32_t>(bytes, 0).value_or(0);
  const auto low = std::to_integer<std::uint32_t>(bytes.front());
  // Twelve bits may span two blocks.
  TRY(const auto second, byte(offset + 1));
  const std::uint32_t both = low | std::to_integer<std::uint32_t>(second.front()) << 8;
  return cluster % 2 == 0 ? both & 0xfff : both >> 4;
}

Outcome<void> ClusterTable::store_raw(std::uint32_t cluster, std::uint32_t value) {
  const std::uint64_t offset = offset_of(cluster);
  const std::uint64_t block = offset / cache_.block_size();
  if (geometry_.kind == FatKind::k12) {
    const auto mix = [](std::byte& target, std::uint32_t mask, std::uint32_t bits) {
      target = static_cast<std::byte>((std::to_integer<std::uint32_t>(target) & ~mask) | bits);
    };
    const bool even = cluster % 2 == 0;
    TRY(const auto first, byte(offset));
    mix(first.front(), even ? 0xff : 0xf0, even ? value & 0xff : (value & 0x0f) << 4);
    cache_.changed(block);
    TRY(const auto second, byte(offset + 1));
    mix(second.front(), even ? 0x0f : 0xff, even ? value >> 8 : value >> 4);
    cache_.changed((offset + 1) / cache_.block_size());
    return {};
  }
  TRY(const auto bytes, byte(offset));
  if (geometry_.kind == FatKind::k16) {
    (void)store_le(bytes, 0, static_cast<std::uint16_t>(value));
  } else {
    (void)store_le(bytes, 0, value);
  }
  cache_.changed(block);
  return {};
}

Outcome<void> ClusterTable::read_used(std::uint32_t first, std::uint32_t count,
                                      std::span<std::uint64_t> used) {
  const std::uint32_t width = entry_bits(geometry_.kind) / 8;
  std::span<const std::byte> there;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t value = 0;
    if (geometry_.kind == FatKind::k12) {
      TRY(value, load_raw(first + i));
    } else {
      if (there.size() < width) {
        TRY(there, byte(offset_of(first + i)));
      }
      value = geometry_.kind == FatKind::k16 ? load_le<std::uint16_t>(there, 0).value_or(0)
                                             : load_le<std::uint32_t>(there, 0).value_or(0);
      there = there.subspan(width);
    }
    // Any other value, even an invalid one, means not free.
    if ((value & largest(geometry_.kind)) != 0) used[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return {};
}

std::vector<AllocationMap::Bytes> ClusterTable::place_of(std::uint32_t first,
                                                         std::uint32_t count) const {
  const std::uint64_t begin = offset_of(first);
  return {{.offset = begin, .length = offset_of(first + count) - begin}};
}

Outcome<TableEntry> ClusterTable::get(std::uint32_t cluster) {
  if (!geometry_.is_cluster(cluster)) return refuse(EUCLEAN);
  TRY(std::uint32_t value, load_raw(cluster));
  value &= largest(geometry_.kind);
  if (value == 0) return TableEntry{};
  if (geometry_.is_cluster(value)) return TableEntry{TableEntry::Kind::kNext, value};
  const std::uint32_t below_end = largest(geometry_.kind) - value;
  if (below_end < 8) return TableEntry{TableEntry::Kind::kEnd, 0};
  if (below_end == 8) return TableEntry{TableEntry::Kind::kBad, 0};
  return refuse(EUCLEAN);
}

Outcome<void> ClusterTable::set(std::uint32_t cluster, TableEntry entry) {
  if (!geometry_.is_cluster(cluster)) return refuse(EUCLEAN);
  std::uint32_t value = entry.next;
  if (entry.kind == TableEntry::Kind::kFree) value = 0;
  if (entry.kind == TableEntry::Kind::kEnd) value = largest(geometry_.kind);
  if (geometry_.kind == FatKind::k32) {
    // Keep the upper four bits: they are reserved.
    TRY(const std::uint32_t before, load_raw(cluster));
    value |= before & ~kWideMask;
  }
  return store_raw(cluster, value);
}

Outcome<void> ClusterTable::chain(const ClusterRun& run, TableEntry after) {
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
    const bool last = cluster + 1 == run.end();
    TRY_VOID(set(cluster, last ? after : TableEntry{TableEntry::Kind::kNext, cluster + 1}));
  }
  return {};
}

Outcome<bool> ClusterTable::is_marked_clean() {
  if (geometry_.kind == FatKind::k12) return true;
  TRY(const std::uint32_t marks, load_raw(kMarkEntry));
  return (marks & clean_bit(geometry_.kind)) != 0;
}

Outcome<bool> ClusterTable::is_marked_sound() {
  if (geometry_.kind == FatKind::k12) return true;
  TRY(const std::uint32_t marks, load_raw(kMarkEntry));
  return (marks & sound_bit(geometry_.kind)) != 0;
}

Outcome<void> ClusterTable::mark_clean(bool clean) {
  if (geometry_.kind == FatKind::k12) return {};
  TRY(const std::uint32_t marks, load_raw(kMarkEntry));
  const std::uint32_t bit = clean_bit(geometry_.kind);
  return store_raw(kMarkEntry, clean ? marks | bit : marks & ~bit);
}

}  // namespace airlock::fat
