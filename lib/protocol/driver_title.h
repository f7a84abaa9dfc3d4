// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace airlock {

// A driver's name in process lists: it shows which medium the driver serves, as in the mount table.
// A driver gets this name from its starter, and sets it again with the access that it asks for.
inline std::string driver_title(std::string_view program, std::string_view medium,
                                std::string_view type, bool read_only) {
  return fmt::format("{} {} {} {}", program, medium, type, read_only ? "ro" : "rw");
}

}  // namespace airlock
