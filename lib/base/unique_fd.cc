// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/unique_fd.h"

#include <unistd.h>

#include <cerrno>

namespace airlock {

void UniqueFd::reset() {
  if (fd_ < 0) return;
  const int saved = errno;
  // Linux releases the number even if close reports an error, so there is nothing to retry.
  (void)::close(std::exchange(fd_, -1));
  errno = saved;
}

}  // namespace airlock
