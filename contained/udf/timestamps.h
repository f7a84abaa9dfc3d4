// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <span>

namespace airlock::udf {

// A time as descriptors have it (ECMA-167, 1/7.3); nothing where there are too few bytes, or where
// they are no time.
std::optional<timespec> time_of(std::span<const std::byte> bytes);

}  // namespace airlock::udf
