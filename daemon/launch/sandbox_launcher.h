// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/launch/launcher.h"

namespace airlock {

// Starts workers in a sandbox of its own making, with nothing but the kernel: new namespaces, a
// private user, limits, the intended descriptors and no others. daemon/README.md says what each
// measure is for. Needs to run as root. start() blocks for the few milliseconds that takes, with
// a deadline. Call it from a thread that lives as long as the worker should.
//
// The program must use the contained runtime: it is started with the libraries still visible and
// with capabilities over its own namespaces, both of which enter_empty_root() gives up.
class SandboxLauncher final : public Launcher {
 public:
  Result<Worker> start(const SandboxSpec& spec) override;
};

}  // namespace airlock
