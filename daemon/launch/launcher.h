// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/launch/sandbox_spec.h"
#include "daemon/launch/worker.h"
#include "lib/base/error.h"

namespace airlock {

// Starts a contained worker and returns its control channel and its life line. Implementations
// differ in how strictly they contain it, but every one does: if it can't, it fails.
class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual Result<Worker> start(const SandboxSpec& spec) = 0;
};

}  // namespace airlock
