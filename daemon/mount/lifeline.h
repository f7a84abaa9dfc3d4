// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// What keeps a mount alive while it has no driver, so that another one can go on. Nobody reads
// through it. As long as it exists the kernel does not notice that a driver died: whoever holds it
// must start a successor or let go of it, or every user of the mount waits.
struct Lifeline {
  UniqueFd fuse_device;
  UniqueFd live_state;

  [[nodiscard]] bool holds() const { return fuse_device.valid() && live_state.valid(); }
};

// Sealed memory of the agreed size, empty.
Result<UniqueFd> make_live_state();

}  // namespace airlock
