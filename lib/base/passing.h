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

// A packet between processes of one program, or from one that lends files: bytes, and descriptors.
// lib/protocol/channel.h is for peers that are to be distrusted packet by packet.
struct PassedPacket {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

// More than so many in one packet are cut off by the kernel when it is received.
inline constexpr std::size_t kMostPassed = 8;

// Both work on a connected socket that keeps packets apart (SOCK_SEQPACKET), and never wait.
Result<void> pass(BorrowedFd socket, std::string_view bytes,
                  std::span<const BorrowedFd> descriptors = {});
// Fails with kPeerGone at the end of the connection, and with EAGAIN when there is nothing yet.
Result<PassedPacket> take_passed(BorrowedFd socket, std::size_t most_bytes);

}  // namespace airlock
