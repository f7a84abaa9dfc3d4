// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/one_answer.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstdlib>

#include "lib/base/log.h"
#include "lib/base/sandbox_contract.h"

namespace airlock {

Result<Channel> control_channel(std::string_view instead) {
  int type = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(kControlDescriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
      type != SOCK_SEQPACKET)
    return fail(Errc::kInvalidArgument, "airlockd starts this program; {}", instead);
  (void)::fcntl(kControlDescriptor, F_SETFD, FD_CLOEXEC);  // it is a descriptor
  return Channel(UniqueFd(kControlDescriptor));
}

int answer_once(const char* name, Result<void> (*answer)()) {
  log_open(name, LogLevel::kInfo);
  const auto done = answer();
  if (done) return EXIT_SUCCESS;
  log(LogLevel::kError, "{}", done.error().message());
  return EXIT_FAILURE;
}

}  // namespace airlock
