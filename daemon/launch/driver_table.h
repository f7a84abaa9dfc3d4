// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace airlock {

// One row of contained/drivers.inc, the table of everything of ours that can serve a filesystem, or
// of contained/adapter/adapted.inc, of what programs of the distribution can.
struct DriverRow {
  std::string_view name;
  std::string_view subtypes;  // separated by spaces
  std::string_view program;   // file name in libexecdir
  std::string_view abilities;
  std::uint64_t memory_mib;
  std::uint32_t open_files;
  std::uint32_t threads;
  std::string_view syscalls;
  std::string_view runs = {};     // the program of the distribution that does the work
  std::string_view package = {};  // which has it

  [[nodiscard]] bool serves(std::string_view subtype) const;
  [[nodiscard]] bool can(std::string_view ability) const;
  // Whether a program of the distribution does the work. What it wrote nobody can vouch for.
  [[nodiscard]] bool is_adapted() const { return !runs.empty(); }
};

// The program in libexecdir behind every row of adapted.inc.
inline constexpr std::string_view kAdapterProgram = "airlock-adapter";

// Ours come first, and where several serve a type the first one does.
std::span<const DriverRow> driver_table();

// The driver for a type such as "ext4"; nullptr if there is none.
const DriverRow* find_driver(std::string_view subtype);

}  // namespace airlock
