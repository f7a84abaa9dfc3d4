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

// The parts of a record of fixed length, as the probe and the checker answer with. Every place
// named here lies inside a record whose length is known to be right.
namespace airlock::record {

// A text: its length as sixteen bits, and the room it lies in.
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

// What fits is for the caller to check.
void put_text(Bytes& bytes, const TextField& field, std::string_view text);

Result<std::string> get_text(ByteSpan bytes, const TextField& field);

}  // namespace airlock::record
