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

// A packet as it came out of the socket. Descriptors that nobody asked for are closed by then.
struct ReceivedPacket {
  Bytes bytes;
  UniqueFd descriptor;
  // More than one descriptor, or control data that is no descriptor, came along.
  bool odd_control_data = false;
};

enum class Descriptors { kRefuse, kTakeOne };

// One end of a connection that carries whole packets (AF_UNIX, SOCK_SEQPACKET), owned. Nothing
// here waits longer than its deadline, no SIGPIPE is ever raised, and no descriptor that arrives
// can leak: it is either in a ReceivedPacket or closed. Does not know what packets mean.
class Channel {
 public:
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&& other) noexcept {
    if (this != &other) close();
    socket_ = std::move(other.socket_);
    return *this;
  }
  // Says shutdown first: service managers keep a copy of the socket, so a mere close would leave
  // the other end waiting.
  ~Channel() { close(); }

  // Both ends of a new connection, for a starter that passes one of them to the process it starts.
  static Result<std::pair<UniqueFd, UniqueFd>> make_pair();

  // nullopt: nothing to read yet. Fails with kPeerGone at end of file, which an empty packet
  // cannot be told apart from, and with kLimitExceeded when the packet is longer than `limit`.
  Result<std::optional<ReceivedPacket>> try_receive(std::size_t limit, Descriptors descriptors);
  Result<ReceivedPacket> receive(std::size_t limit, Descriptors descriptors, Deadline deadline);

  enum class Sent { kYes, kWouldBlock };
  Result<Sent> try_send(ByteSpan bytes, BorrowedFd descriptor);
  Result<void> send(ByteSpan bytes, BorrowedFd descriptor, Deadline deadline);

  // From now on nobody can send us descriptors (Linux 6.16). Older kernels do not know the
  // option; there descriptors that come uninvited are dropped when the packet is received.
  Result<void> refuse_descriptors();

  // Fails with ENOBUFS when the largest sane request would not fit.
  Result<void> check_send_buffer() const;

  [[nodiscard]] BorrowedFd descriptor() const { return socket_.borrow(); }
  [[nodiscard]] bool open() const { return socket_.valid(); }
  void close();

 private:
  Result<std::size_t> peek_size();

  UniqueFd socket_;
};

// For send(): no descriptor travels along.
inline constexpr BorrowedFd kNoDescriptor{-1};

// Waits until poll(2) reports one of the events or the deadline passes (kTimedOut).
Result<void> wait_for(BorrowedFd descriptor, short events, Deadline deadline);

// The rule behind check_send_buffer().
bool send_buffer_suffices(int bytes);

}  // namespace airlock
