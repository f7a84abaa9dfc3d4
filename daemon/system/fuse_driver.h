// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "daemon/system/process_identity.h"

namespace airlock {

// Who serves a FUSE filesystem, as far as the kernel tells: newer ones name the connection of each
// descriptor of /dev/fuse in /proc.
struct FuseDriver {
  enum class State {
    kFound,    // process says who
    kNobody,   // no process has this connection: the driver is dead
    kUnknown,  // this kernel does not tell
  };
  State state = State::kUnknown;
  ProcessIdentity process;  // kFound only
};

// `filesystem` is the st_dev of what is mounted. Looks at every process, so for rare cases only.
FuseDriver find_fuse_driver(dev_t filesystem, const std::string& proc = "/proc");

}  // namespace airlock
