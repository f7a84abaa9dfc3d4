// SPDX-License-Identifier: GPL-2.0-or-later
// The whole fat driver over a hostile medium. The input is the medium from its beginning, in pieces
// so that a small input can fill a large one:
//   u16 size in units of 4 KiB, then { u24 offset, u16 length, length bytes } until it ends.
// The checksums of exFAT are made right, or nothing behind them would ever be tried.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/fat/tests/busy_hands.h"
#include "contained/fat/tests/exfat_seal.h"
#include "contained/runtime/tests/memory_medium.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kUnit = 4096;
constexpr std::size_t kMostUnits = 1024;
constexpr std::size_t kPieceHeader = 5;

std::vector<std::byte> medium_of(std::span<const std::byte> input) {
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

void use(FileSystem& driver) {
  BusyHands(driver).work();
  driver.unmounted();
}

void try_exfat(MemoryMedium& medium) {
  seal_boot(medium.bytes());
  seal_sets(medium.bytes());
  const auto opened = open_exfat(medium, MountMode::kReadWrite);
  if (!opened) return;
  ExfatDriver driver(*opened->volume, opened->upcase, {});
  use(driver);
}

void try_medium(std::span<const std::byte> input) {
  MemoryMedium medium(medium_of(input));
  if (const auto exfat = is_exfat(medium); exfat && *exfat) return try_exfat(medium);
  auto volume = Volume::open(medium, MountMode::kReadWrite);
  if (!volume) return;
  FatDriver driver(**volume, {});
  use(driver);
}

}  // namespace
}  // namespace airlock::fat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::fat::try_medium(std::as_bytes(std::span(data, size)));
  return 0;
}
