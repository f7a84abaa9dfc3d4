// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/byte_view.h"
#include "lib/base/error.h"
#include "lib/protocol/channel.h"

// The parts of a fixed-length record, as sent by the probe and the checker. The callers have
// checked the length, so every offset here lies inside the record.
namespace airlock::record {

// A text: the offset of its 16-bit length, and its own room.
struct TextField {
  std::string_view name;
  std::size_t length_at;
  std::size_t at;
  std::size_t most;
};

template <std::unsigned_integral T>
void put(Bytes& bytes, std::size_t at, T value) {
  (void)store_le(std::span(bytes), at, value);
}

template <std::unsigned_integral T>
T get(ByteSpan bytes, std::size_t at) {
  return load_le<T>(bytes, at).value();
}

template <typename Enum>
Result<Enum> get_enum(ByteSpan bytes, std::size_t at, Enum last) {
  const auto value = get<std::uint8_t>(bytes, at);
  if (value > std::to_underlying(last))
    return fail(Errc::kProtocol, "the unknown value {} at {}", value, at);
  return static_cast<Enum>(value);
}

// The caller must check that the text fits.
void put_text(Bytes& bytes, const TextField& field, std::string_view text);

Result<std::string> get_text(ByteSpan bytes, const TextField& field);

}  // namespace airlock::record
