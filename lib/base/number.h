// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace airlock {

// The number in `text`, if all of `text` is one and it is within bounds.
template <std::integral Number>
std::optional<Number> parse_number(std::string_view text,
                                   Number least = std::numeric_limits<Number>::min(),
                                   Number most = std::numeric_limits<Number>::max(),
                                   int base = 10) {
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number < least || number > most)
    return std::nullopt;
  return number;
}

// The user or group in the option `name`. To the kernel the highest number means "not given".
inline Result<std::uint32_t> parse_id(std::string_view name, std::string_view text) {
  if (const auto id = parse_number<std::uint32_t>(text, 0, UINT32_MAX - 1)) return *id;
  return fail(Errc::kInvalidArgument, "option {} needs a number, not {}", name, quote(text));
}

}  // namespace airlock
