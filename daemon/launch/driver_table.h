// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace airlock {

// One row of contained/drivers.inc, the table of everything that can serve a filesystem.
struct DriverRow {
  std::string_view name;
  std::string_view subtypes;  // separated by spaces
  std::string_view program;   // file name in libexecdir
  std::string_view abilities;
  std::uint64_t memory_mib;
  std::uint32_t open_files;
  std::uint32_t threads;
  std::string_view syscalls;

  [[nodiscard]] bool serves(std::string_view subtype) const;
  [[nodiscard]] bool can(std::string_view ability) const;
};

std::span<const DriverRow> driver_table();

// The driver for a type such as "ext4"; nullptr if there is none.
const DriverRow* find_driver(std::string_view subtype);

}  // namespace airlock
