// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"

namespace airlock {

// The process behind a service's socket. The socket itself names only who listened, a service
// manager as a rule; the sender of the first packet is the driver, and the kernel vouches for it.
struct ServicePeer {
  pid_t pid = 0;  // 0: not known
  uid_t user = 0;
  UniqueFd life;     // pidfd, where it could be had
  std::string unit;  // "airlock-ext@1.service"; empty: not a unit's
};

// Before the first packet can have been sent: have the kernel write its sender on it.
void ask_for_peer(BorrowedFd socket);
// Waits for the first packet, looks who sent it and leaves it where it is.
ServicePeer learn_peer(BorrowedFd socket, Deadline deadline);

// The *.service a line of /proc/PID/cgroup ends in; empty if none.
std::string unit_in_cgroup(const std::string& cgroup);

}  // namespace airlock
