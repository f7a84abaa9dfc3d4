// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/fat/tests/exfat_seal.h"
#include "contained/runtime/tests/memory_medium.h"
#include "lib/base/byte_view.h"

// The common part of the FAT fuzz targets: a medium from its beginning, in pieces so that a small
// input can fill a large one: u16 size in units of 4 KiB, then { u24 offset, u16 length, length
// bytes } until the input ends. The checksums of exFAT are corrected, because otherwise no code
// behind them would be reached.
namespace airlock::fat {

inline constexpr std::size_t kUnit = 4096;
inline constexpr std::size_t kMostUnits = 1024;
inline constexpr std::size_t kPieceHeader = 5;

inline std::vector<std::byte> medium_of(std::span<const std::byte> input) {
  const std::size_t units = load_le<std::uint16_t>(input, 0).value_or(0);
  std::vector<std::byte> bytes((units % kMostUnits + 1) * kUnit);
  input = input.subspan(std::min<std::size_t>(2, input.size()));
  while (input.size() > kPieceHeader) {
    const std::size_t offset =
        load_le<std::uint16_t>(input, 0).value_or(0) | std::to_integer<std::size_t>(input[2]) << 16;
    const std::size_t wanted = load_le<std::uint16_t>(input, 3).value_or(0);
    input = input.subspan(kPieceHeader);
    const std::size_t count = std::min(wanted, input.size());
    if (offset < bytes.size())
      std::copy_n(input.begin(), std::min(count, bytes.size() - offset),
                  bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    input = input.subspan(count);
  }
  return bytes;
}

// Calls `use` with the driver for the medium, if one accepts it.
template <typename Use>
void with_driver(MemoryMedium& medium, Use use) {
  if (const auto exfat = is_exfat(medium); exfat && *exfat) {
    seal_boot(medium.bytes());
    seal_sets(medium.bytes());
    const auto opened = open_exfat(medium, MountMode::kReadWrite);
    if (!opened) return;
    ExfatDriver driver(*opened->volume, opened->upcase, {});
    return use(driver);
  }
  const auto volume = Volume::open(medium, MountMode::kReadWrite);
  if (!volume) return;
  FatDriver driver(**volume, {});
  use(driver);
}

}  // namespace airlock::fat
