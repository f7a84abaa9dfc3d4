// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <span>

namespace airlock::iso {

// Both forms of a time have their own distance from UTC. Nothing where there are too few bytes, or
// where they are no time; a time of only zeroes is one that nobody has recorded.
constexpr std::size_t kShortTime = 7;
constexpr std::size_t kLongTime = 17;
std::optional<timespec> short_time(std::span<const std::byte> bytes);  // 1900 to 2155
std::optional<timespec> long_time(std::span<const std::byte> bytes);   // digits; year 1 to 9999

}  // namespace airlock::iso
