// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/duplicate.h"

#include <fcntl.h>

#include <cerrno>

namespace airlock {

Result<UniqueFd> duplicate(BorrowedFd descriptor) {
  constexpr int kFirst = 3;
  UniqueFd copy(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kFirst));
  if (!copy.valid()) return fail_errno(errno, errc_from_errno(errno), "duplicate a descriptor");
  return copy;
}

}  // namespace airlock
