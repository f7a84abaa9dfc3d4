// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "contained/fat/entry_set.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {

// Corrects the checksum of exFAT's boot sectors, as an attacker would.
inline void seal_boot(std::span<std::byte> image) {
  constexpr std::size_t kSectors = 11;
  constexpr std::size_t kSmallest = 512;
  const std::size_t size = kSmallest << ((load_le<std::uint8_t>(image, 108).value_or(0) - 9u) & 3u);
  if (image.size() < (kSectors + 1) * size) return;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kSectors * size; ++i) {
    if (i == 106 || i == 107 || i == 112) continue;
    sum = std::rotr(sum, 1) + std::to_integer<std::uint32_t>(image[i]);
  }
  for (std::size_t i = 0; i < size; i += sizeof(sum))
    (void)store_le(image, kSectors * size + i, sum);
}

// The same for any bytes that look like the entries of a file.
inline void seal_sets(std::span<std::byte> image) {
  for (std::size_t at = 0; at + kMostInSet * kRecordSize <= image.size(); at += kRecordSize) {
    const std::size_t count = EntrySet::count_of(image.subspan(at, kRecordSize));
    if (count == 0) continue;
    EntrySet set(count);
    for (std::size_t i = 0; i < count; ++i)
      std::ranges::copy(image.subspan(at + i * kRecordSize, kRecordSize), set.entry(i).begin());
    set.set_info(set.info());
    std::ranges::copy(set.entry(0), image.begin() + static_cast<std::ptrdiff_t>(at));
    std::ranges::copy(set.entry(1), image.begin() + static_cast<std::ptrdiff_t>(at + kRecordSize));
  }
}

}  // namespace airlock::fat
