// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/fuse_ops.h"

namespace airlock {

// As long as this lives, SIGTERM ends the driver in good order: serve() returns, then everything is
// written, and the mount is dead afterwards. One at a time, and shorter than the server. Afterwards
// SIGTERM is ignored: whoever sends it gets what it wants.
class StopOnTerminate {
 public:
  explicit StopOnTerminate(FuseServer& server);
  ~StopOnTerminate();
  StopOnTerminate(const StopOnTerminate&) = delete;
  StopOnTerminate& operator=(const StopOnTerminate&) = delete;
};

}  // namespace airlock
