// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The kernel's control filesystem of FUSE, opened for ourselves wherever /sys is: how many requests
// of a mount are unanswered, and the way to give up on a driver. None of it waits for a driver.
class FuseControl {
 public:
  // Nothing happens before the first use, because opening may load the kernel module.
  FuseControl() = default;

  // The filesystems of all connections, those of other people's servers too.
  std::vector<dev_t> connections();
  // Requests sent or waiting to be sent; nothing when the kernel doesn't tell.
  std::optional<unsigned long> waiting(dev_t filesystem);
  // Every request fails from now on, the unanswered ones as well.
  Result<void> abort(dev_t filesystem);

 private:
  Result<void> open();
  Result<UniqueFd> open_file(dev_t filesystem, const char* name, int flags);

  UniqueFd root_;
};

}  // namespace airlock
