// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/byte_view.h"

namespace airlock::squashfs {

// Numbers of a record that has been read whole; 0 for what would lie behind its end.
inline std::uint16_t u16(std::span<const std::byte> bytes, std::size_t offset) {
  return load_le<std::uint16_t>(bytes, offset).value_or(0);
}
inline std::uint32_t u32(std::span<const std::byte> bytes, std::size_t offset) {
  return load_le<std::uint32_t>(bytes, offset).value_or(0);
}
inline std::uint64_t u64(std::span<const std::byte> bytes, std::size_t offset) {
  return load_le<std::uint64_t>(bytes, offset).value_or(0);
}

}  // namespace airlock::squashfs
