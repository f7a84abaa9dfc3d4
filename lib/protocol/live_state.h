// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

namespace airlock {

// The memory that a driver and whoever started it share while a mount lives: a file without a name
// of exactly this size, which nobody can change. The driver writes it, its successor reads it, and
// nobody else does.
inline constexpr std::size_t kLiveStateSize = 4096;

}  // namespace airlock
