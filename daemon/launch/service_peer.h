// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"

namespace airlock {

// The process behind a service's socket. The socket itself names only the listener, usually a
// service manager; the sender of the first packet is the driver, and the kernel vouches for it.
struct ServicePeer {
  pid_t pid = 0;  // 0: not known
  uid_t user = 0;
  UniqueFd life;     // pidfd, if available
  std::string unit;  // "airlock-ext@1.service"; empty: not in a unit
};

// Makes the kernel name the sender on each packet. Call before the first packet can be sent.
void ask_for_peer(BorrowedFd socket);
// Waits for the first packet, reads its sender and leaves the packet in the socket.
ServicePeer learn_peer(BorrowedFd socket, Deadline deadline);

// The last *.service in a line of /proc/PID/cgroup; empty if there is none.
std::string unit_in_cgroup(const std::string& cgroup);

}  // namespace airlock
