// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace airlock {

// What a process list shows of a driver: which medium it serves, as the mount table names it. Who
// starts a driver gives it this name, and the driver itself says what became of the mount.
inline std::string driver_title(std::string_view program, std::string_view medium,
                                std::string_view type, bool read_only) {
  return fmt::format("{} {} {} {}", program, medium, type, read_only ? "ro" : "rw");
}

}  // namespace airlock
