// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace airlock::ext {

// Bits of a bitmap block, counted as the medium counts them. All functions stay inside the span;
// `end` must not exceed 8 * bits.size().

[[nodiscard]] inline bool test_bit(std::span<const std::byte> bits, std::uint32_t index) {
  return (std::to_integer<unsigned>(bits[index / 8]) >> (index % 8) & 1u) != 0;
}

enum class Bit { kClear, kSet };

// The first bit of that value in [from, end), or end.
[[nodiscard]] inline std::uint32_t next_bit(std::span<const std::byte> bits, Bit value,
                                            std::uint32_t from, std::uint32_t end) {
  const std::uint64_t flip = value == Bit::kSet ? 0 : ~std::uint64_t{0};
  while (from < end) {
    const std::uint32_t byte = from / 64 * 8;
    std::uint64_t word = 0;
    std::memcpy(&word, bits.data() + byte, std::min<std::size_t>(8, bits.size() - byte));
    word = (word ^ flip) >> (from % 64);
    if (word != 0) {
      const std::uint32_t found = from + static_cast<std::uint32_t>(std::countr_zero(word));
      return found < end ? found : end;
    }
    from = (from / 64 + 1) * 64;
  }
  return end;
}

inline void write_bits(std::span<std::byte> bits, Bit value, std::uint32_t from,
                       std::uint32_t end) {
  const auto write_one = [&](std::uint32_t index) {
    const auto mask = static_cast<std::byte>(1u << (index % 8));
    if (value == Bit::kSet) {
      bits[index / 8] |= mask;
    } else {
      bits[index / 8] &= ~mask;
    }
  };
  while (from < end && from % 8 != 0) write_one(from++);
  const std::uint32_t whole = (end - from) / 8;
  std::memset(bits.data() + from / 8, value == Bit::kSet ? 0xff : 0, from < end ? whole : 0);
  if (from < end) from += whole * 8;
  while (from < end) write_one(from++);
}

}  // namespace airlock::ext
