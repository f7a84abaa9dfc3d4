// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/probe/state.h"

#include <array>
#include <optional>

#include "lib/base/byte_view.h"

namespace airlock::probe {
namespace {

using Sector = std::array<std::byte, 512>;

std::optional<Sector> read_sector(BlockIo& medium, std::uint64_t offset) {
  Sector sector{};
  if (!medium.read(offset, sector)) return std::nullopt;
  return sector;
}

template <std::unsigned_integral T>
T at(const Sector& sector, std::size_t offset) {
  // Every offset below is a constant inside a sector, or checked where it is not.
  return load_le<T>(sector, offset).value_or(0);
}

constexpr bool any(unsigned value, unsigned bits) {
  return (value & bits) != 0;
}

// The superblock lies 1 KiB in. A mount without a journal clears the valid bit; one with a journal
// asks for recovery.
MediumState ext_state(BlockIo& medium) {
  constexpr std::uint64_t kSuperblock = 1024;
  constexpr std::size_t kMagicAt = 0x38, kStateAt = 0x3a, kIncompatibleAt = 0x60;
  constexpr unsigned kMagic = 0xef53, kValid = 1, kErrors = 2, kNeedsRecovery = 4;
  const auto superblock = read_sector(medium, kSuperblock);
  if (!superblock || at<std::uint16_t>(*superblock, kMagicAt) != kMagic)
    return MediumState::kUnknown;
  const unsigned state = at<std::uint16_t>(*superblock, kStateAt);
  const unsigned features = at<std::uint32_t>(*superblock, kIncompatibleAt);
  if (any(state, kErrors)) return MediumState::kErrors;
  if (any(features, kNeedsRecovery) || !any(state, kValid)) return MediumState::kDirty;
  return MediumState::kClean;
}

// What the two upper bits of the second FAT entry say; FAT12 has no room for them.
struct FatMarks {
  bool was_shut_down = true;
  bool had_no_errors = true;
};

std::optional<FatMarks> second_entry(BlockIo& medium, const Sector& boot, bool wide) {
  constexpr std::size_t kSectorSizeAt = 0x0b, kReservedAt = 0x0e;
  const std::uint64_t fat =
      std::uint64_t{at<std::uint16_t>(boot, kSectorSizeAt)} * at<std::uint16_t>(boot, kReservedAt);
  if (fat < boot.size()) return std::nullopt;  // it can't begin inside the boot sector
  const auto table = read_sector(medium, fat);
  if (!table) return std::nullopt;
  if (wide) {
    const unsigned entry = at<std::uint32_t>(*table, 4);
    return FatMarks{any(entry, 1U << 27), any(entry, 1U << 26)};
  }
  const unsigned entry = at<std::uint16_t>(*table, 2);
  return FatMarks{any(entry, 1U << 15), any(entry, 1U << 14)};
}

// As in Microsoft's specification: fewer clusters than this make it FAT12 or FAT16. FAT32 is known
// by having no 16-bit size of its table.
enum class FatWidth { k12, k16, k32, kNone };

FatWidth fat_width(const Sector& boot) {
  const std::uint64_t sector_size = at<std::uint16_t>(boot, 0x0b);
  const std::uint64_t cluster = at<std::uint8_t>(boot, 0x0d);
  const std::uint64_t table = at<std::uint16_t>(boot, 0x16);
  if (sector_size == 0 || cluster == 0) return FatWidth::kNone;
  if (table == 0) return FatWidth::k32;
  const std::uint64_t small = at<std::uint16_t>(boot, 0x13);
  const std::uint64_t all = small != 0 ? small : at<std::uint32_t>(boot, 0x20);
  const std::uint64_t roots = at<std::uint16_t>(boot, 0x11);
  const std::uint64_t before = at<std::uint16_t>(boot, 0x0e) +
                               at<std::uint8_t>(boot, 0x10) * table +
                               (roots * 32 + sector_size - 1) / sector_size;
  if (before >= all) return FatWidth::kNone;
  return (all - before) / cluster < 4085 ? FatWidth::k12 : FatWidth::k16;
}

// Linux marks a mounted volume in the boot sector, Windows in the table; either counts.
MediumState fat_state(BlockIo& medium) {
  constexpr std::size_t kMarkAt = 0x25, kWideMarkAt = 0x41;
  constexpr unsigned kDirty = 1, kErrors = 2;
  const auto boot = read_sector(medium, 0);
  if (!boot) return MediumState::kUnknown;
  const FatWidth width = fat_width(*boot);
  if (width == FatWidth::kNone) return MediumState::kUnknown;
  const unsigned mark = at<std::uint8_t>(*boot, width == FatWidth::k32 ? kWideMarkAt : kMarkAt);
  FatMarks marks;
  if (width != FatWidth::k12) {
    const auto found = second_entry(medium, *boot, width == FatWidth::k32);
    if (!found) return MediumState::kUnknown;
    marks = *found;
  }
  if (any(mark, kErrors) || !marks.had_no_errors) return MediumState::kErrors;
  if (any(mark, kDirty) || !marks.was_shut_down) return MediumState::kDirty;
  return MediumState::kClean;
}

MediumState exfat_state(BlockIo& medium) {
  constexpr std::size_t kFlagsAt = 0x6a;
  constexpr unsigned kDirty = 2, kFailure = 4;
  const auto boot = read_sector(medium, 0);
  if (!boot) return MediumState::kUnknown;
  const unsigned flags = at<std::uint16_t>(*boot, kFlagsAt);
  if (any(flags, kFailure)) return MediumState::kErrors;
  return any(flags, kDirty) ? MediumState::kDirty : MediumState::kClean;
}

}  // namespace

MediumState state_of(BlockIo& medium, std::string_view type) {
  if (type == "ext2" || type == "ext3" || type == "ext4") return ext_state(medium);
  if (type == "vfat") return fat_state(medium);
  if (type == "exfat") return exfat_state(medium);
  if (type == "ntfs") return ntfs_state(medium);
  // A swap that holds a machine asleep has a type of its own.
  if (type == "swsuspend") return MediumState::kHibernated;
  return MediumState::kUnknown;
}

}  // namespace airlock::probe
