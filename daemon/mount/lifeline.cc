// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/lifeline.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "lib/protocol/live_state.h"

namespace airlock {

Result<UniqueFd> make_live_state() {
  UniqueFd memory(::memfd_create("airlock-live-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid() || ::ftruncate(memory.get(), kLiveStateSize) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return fail_errno(errno, Errc::kOutOfMemory, "make memory for a live state");
  return memory;
}

}  // namespace airlock
