// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/wire.h"

namespace airlock {

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// A packet as received. Unwanted descriptors have been closed.
struct ReceivedPacket {
  Bytes bytes;
  UniqueFd descriptor;
  // It came with several descriptors, or with control data that is not a descriptor.
  bool odd_control_data = false;
};

enum class Descriptors { kRefuse, kTakeOne };

// Owns one end of a connection that carries whole packets (AF_UNIX, SOCK_SEQPACKET). Nothing here
// waits longer than its deadline or raises SIGPIPE, and no received descriptor can leak: it is
// either in a ReceivedPacket or closed. Does not know what packets mean.
class Channel {
 public:
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&& other) noexcept {
    if (this != &other) close();
    socket_ = std::move(other.socket_);
    return *this;
  }
  // Calls shutdown first: service managers keep a copy of the socket, so a mere close would leave
  // the other end waiting.
  ~Channel() { close(); }

  // Both ends of a new connection, for a starter that passes one of them to the process it starts.
  static Result<std::pair<UniqueFd, UniqueFd>> make_pair();

  // nullopt: nothing to read yet. Fails with kPeerGone at end of file, which looks the same as an
  // empty packet, and with kLimitExceeded if the packet is longer than `limit`.
  Result<std::optional<ReceivedPacket>> try_receive(std::size_t limit, Descriptors descriptors);
  Result<ReceivedPacket> receive(std::size_t limit, Descriptors descriptors, Deadline deadline);

  enum class Sent { kYes, kWouldBlock };
  Result<Sent> try_send(ByteSpan bytes, BorrowedFd descriptor);
  Result<void> send(ByteSpan bytes, BorrowedFd descriptor, Deadline deadline);

  // From now on nobody can send us descriptors (Linux 6.16). Older kernels do not know the option;
  // there unwanted descriptors are dropped when the packet is received.
  Result<void> refuse_descriptors();

  // Fails with ENOBUFS if the largest sane request would not fit.
  Result<void> check_send_buffer() const;

  [[nodiscard]] BorrowedFd descriptor() const { return socket_.borrow(); }
  [[nodiscard]] bool open() const { return socket_.valid(); }
  void close();

 private:
  Result<std::size_t> peek_size();

  UniqueFd socket_;
};

// For send(): sends no descriptor.
inline constexpr BorrowedFd kNoDescriptor{-1};

// Waits until poll(2) reports one of the events or the deadline passes (kTimedOut).
Result<void> wait_for(BorrowedFd descriptor, short events, Deadline deadline);

// The condition that check_send_buffer() tests.
bool send_buffer_suffices(int bytes);

}  // namespace airlock
