// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"

namespace airlock {

// As mount(8) defines them for its helpers.
enum MountExitCode { kSuccess = 0, kUsage = 1, kSystemError = 2, kMountFailure = 32 };

inline MountExitCode mount_exit_code(const Error& error) {
  switch (error.code) {
    case Errc::kOutOfMemory:
    case Errc::kLimitExceeded:
      return kSystemError;
    default:
      return kMountFailure;
  }
}

}  // namespace airlock
