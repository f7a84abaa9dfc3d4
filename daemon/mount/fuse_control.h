// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The kernel's control filesystem of FUSE, in a private mount of its own: tells how many requests
// of a mount are unanswered, and aborts connections. None of it waits for a driver.
class FuseControl {
 public:
  // Nothing happens before the first use, because opening may load the kernel module.
  FuseControl() = default;

  // The filesystems of all connections, including those of other people's servers.
  std::vector<dev_t> connections();
  // Requests that were sent or wait to be sent; nothing if the kernel doesn't tell.
  std::optional<unsigned long> waiting(dev_t filesystem);
  // Makes every request fail from now on, and the unanswered ones too.
  Result<void> abort(dev_t filesystem);

 private:
  Result<void> open();
  Result<UniqueFd> open_file(dev_t filesystem, const char* name, int flags);

  UniqueFd root_;
};

}  // namespace airlock
