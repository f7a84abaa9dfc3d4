// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/launch/sandbox_spec.h"
#include "daemon/launch/worker.h"
#include "lib/base/error.h"

namespace airlock {

// Starts a contained worker and hands back its control channel and its life line. How strictly
// the worker is held is the launcher's business; that it is held at all is a promise of every
// implementation: one that cannot keep it fails instead.
class Launcher {
 public:
  virtual ~Launcher() = default;
  virtual Result<Worker> start(const SandboxSpec& spec) = 0;
};

}  // namespace airlock
