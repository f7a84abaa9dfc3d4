// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// A packet between processes of one program, or from a process that lends files: bytes, and
// descriptors. lib/protocol/channel.h is for peers whose every packet is distrusted.
struct PassedPacket {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

// The kernel drops further descriptors of a packet when it is received.
inline constexpr std::size_t kMostPassed = 8;

// Both need a connected socket that keeps packets apart (SOCK_SEQPACKET), and never wait.
Result<void> pass(BorrowedFd socket, std::string_view bytes,
                  std::span<const BorrowedFd> descriptors = {});
// Fails with kPeerGone at the end of the connection, and with EAGAIN if there is nothing yet.
Result<PassedPacket> take_passed(BorrowedFd socket, std::size_t most_bytes);

}  // namespace airlock
