// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/sandbox_spec.h"

namespace airlock {

// The lines of contained/limits.inc, under their names.
namespace every_worker {
#define AIRLOCK_LIMIT(name, value) inline constexpr std::uint64_t name = value;
#include "contained/limits.inc"
#undef AIRLOCK_LIMIT
}  // namespace every_worker

// A folder of the kernel's control groups. Version 1 has a tree for each controller; version 2 has
// one tree for the controllers that version 1 does not use.
struct GroupFolder {
  std::string path;
  bool unified = false;  // version 2
};

// A limit that is in force, as the kernel reports it.
struct GroupLimit {
  std::string_view name;  // "memory.max"
  std::string value;
};

// Sets the limits for which this folder has files. A missing controller only costs its own limit.
// Returns true if there is any limit now.
bool set_group_limits(const GroupFolder& folder, const SandboxLimits& limits);

// Reads the limits back, from a group of ours or of a service manager.
std::vector<GroupLimit> read_group_limits(const GroupFolder& folder);

// How many processes of the group the kernel has killed because memory ran out, the group's or the
// machine's; nothing if the folder does not count them.
std::optional<std::uint64_t> memory_kills(const GroupFolder& folder);

// The whole of a small file in a control group's folder; nothing if it can't be read.
std::optional<std::string> read_group_file(const GroupFolder& folder, std::string_view name);
bool write_group_file(const GroupFolder& folder, std::string_view name, std::string_view text);

}  // namespace airlock
