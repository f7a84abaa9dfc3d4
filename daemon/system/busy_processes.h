// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/system/busy.h"
#include "daemon/system/mount_identity.h"
#include "lib/base/error.h"

namespace airlock {

// A process that blocks an unmount.
struct BusyProcess {
  pid_t pid = 0;
  std::string name;  // foreign text
  std::string path;  // the file or folder it holds; foreign text
  // The process itself holds nothing, but its mount namespace has a copy of the mount at `path`,
  // which stays when the mount is unmounted.
  bool has_copy = false;
  uid_t user = 0;  // the owner of the process; not in a report
};

constexpr std::size_t kMostBusyProcesses = 64;

// Finds what blocks an unmount, at most kMostBusyProcesses: one entry per process, with the first
// thing of the mount it was found to hold (an open file, its current folder, a program or file
// mapped into memory), then what the kernel itself holds, with pid 0 and the name "kernel" (mounts
// below this one or of the same filesystem elsewhere, loop devices and swap on files in it). Leaves
// out the calling process, and what else runs its program as root and is called after it: errands,
// but for those that keep an image file open, which are called "airlockd". Reads /proc and /sys
// only and never touches the mount, so a driver that hangs does not matter; still meant for an
// errand, because /proc may be long. Names and paths are foreign text.
std::vector<BusyProcess> find_busy_processes(const MountIdentity& mount,
                                             const SystemView& view = {});

// One process of each other mount namespace whose copy would stay. Examines namespaces, not what
// each process holds, so it is quick enough to run before every unmount.
std::vector<BusyProcess> find_namespaces_with_copies(const MountIdentity& mount,
                                                     const SystemView& view = {});

// Both ends of an errand's report. Omits entries beyond ErrandReport::kMostBytes.
std::string pack_busy_processes(const std::vector<BusyProcess>& processes);
Result<std::vector<BusyProcess>> unpack_busy_processes(std::string_view bytes);

}  // namespace airlock
