// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "daemon/system/process_identity.h"

namespace airlock {

// The process that serves a FUSE filesystem, as far as the kernel tells: newer kernels show the
// connection of each /dev/fuse descriptor in /proc.
struct FuseDriver {
  enum class State {
    kFound,    // see `process`
    kNobody,   // no process has this connection: the driver is dead
    kUnknown,  // this kernel does not tell
  };
  State state = State::kUnknown;
  ProcessIdentity process;  // kFound only
};

// `filesystem` is the st_dev of the mounted files. Examines every process, so use it rarely.
FuseDriver find_fuse_driver(dev_t filesystem, const std::string& proc = "/proc");

}  // namespace airlock
