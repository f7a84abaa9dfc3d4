// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/launch/launcher.h"

namespace airlock {

// Starts workers in a sandbox built with nothing but the kernel: new namespaces, a private user,
// limits, the intended descriptors and no others. daemon/README.md says what each measure is for.
// Needs root. start() blocks for the few milliseconds that this takes, with a deadline. Call it
// from a thread that lives as long as the worker should.
//
// The program must use the contained runtime: it starts with the libraries still visible and with
// capabilities over its own namespaces, and enter_empty_root() gives both up.
class SandboxLauncher final : public Launcher {
 public:
  Result<Worker> start(const SandboxSpec& spec) override;
};

}  // namespace airlock
