// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>

#include "contained/hostile/attack.h"
#include "lib/base/sandbox_contract.h"

namespace airlock::hostile {

// Call right after the system call that failed. A failure without an errno is still one.
inline int lost() {
  return errno != 0 ? errno : ENOTRECOVERABLE;
}

inline int won_if(bool succeeded) {
  return succeeded ? 0 : lost();
}

}  // namespace airlock::hostile
