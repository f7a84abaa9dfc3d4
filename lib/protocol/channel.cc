// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// Newer than the headers of our oldest target; the number is the same on all systems with the
// generic socket options.
#if !defined(SO_PASSRIGHTS) && !defined(__hppa__) && !defined(__sparc__)
#define SO_PASSRIGHTS 83
#endif

namespace airlock {
namespace {

constexpr int kScmPidfd = 4;  // SCM_PIDFD: this is a descriptor too

// Room for the control message of exactly one descriptor. The length given to the kernel leaves out
// the padding, into which it would otherwise put a second descriptor.
struct OneDescriptorBuffer {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> bytes{};
  static constexpr std::size_t kLength = CMSG_LEN(sizeof(int));
};

bool carries_descriptors(const cmsghdr& control) {
  return control.cmsg_level == SOL_SOCKET &&
         (control.cmsg_type == SCM_RIGHTS || control.cmsg_type == kScmPidfd);
}

// Gives every descriptor in the message an owner, wanted or not.
void take_descriptors(msghdr& message, ReceivedPacket& packet) {
  packet.odd_control_data = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_type != SCM_RIGHTS || control->cmsg_level != SOL_SOCKET)
      packet.odd_control_data = true;
    if (!carries_descriptors(*control)) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      UniqueFd owned(number);
      if (control->cmsg_type != SCM_RIGHTS || packet.descriptor.valid())
        packet.odd_control_data = true;
      else
        packet.descriptor = std::move(owned);
    }
  }
}

Result<Channel::Sent> failed_send(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) return Channel::Sent::kWouldBlock;
  return fail_errno(error_number, errc_from_errno(error_number), "send a packet");
}

int milliseconds_until(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 3'600'000));
}

}  // namespace

Result<void> wait_for(BorrowedFd descriptor, short events, Deadline deadline) {
  for (;;) {
    pollfd wanted{.fd = descriptor.get(), .events = events, .revents = 0};
    const int time_left = milliseconds_until(deadline);
    const int ready = ::poll(&wanted, 1, time_left);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno(errno, Errc::kSystem, "wait for a packet");
    if (ready == 0 && std::chrono::steady_clock::now() >= deadline)
      return fail_errno(ETIMEDOUT, Errc::kTimedOut, "wait for a packet");
  }
}

bool send_buffer_suffices(int bytes) {
  return bytes >= kMinSendBuffer;
}

Result<std::pair<UniqueFd, UniqueFd>> Channel::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, errc_from_errno(errno), "make a socket pair");
  return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void Channel::close() {
  if (!socket_.valid()) return;
  // Fails only without a connection, and then nobody waits for it.
  (void)::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
}

Result<std::size_t> Channel::peek_size() {
  // A peer that closed without reading our answers leaves one ECONNRESET in front of the packets
  // that it sent before; they still count.
  for (int attempts_left = 2;; --attempts_left) {
    const ssize_t size = ::recv(socket_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EINTR) continue;
    if (errno == ECONNRESET && attempts_left > 1) continue;
    return fail_errno(errno, errc_from_errno(errno), "look at the next packet");
  }
}

Result<std::optional<ReceivedPacket>> Channel::try_receive(std::size_t limit,
                                                           Descriptors descriptors) {
  Result<std::size_t> size = peek_size();
  if (!size && size.error().cause.value() == EAGAIN) return std::nullopt;
  if (!size) return std::unexpected(std::move(size).error());
  if (*size == 0) return fail(Errc::kPeerGone, "the other end has closed the connection");
  if (*size > limit)
    return fail(Errc::kLimitExceeded, "a packet of {} bytes is longer than allowed", *size);

  ReceivedPacket packet{.bytes = Bytes(*size), .descriptor = UniqueFd()};
  OneDescriptorBuffer control;
  iovec part{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors == Descriptors::kTakeOne) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = OneDescriptorBuffer::kLength;
  }
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got < 0) return fail_errno(errno, errc_from_errno(errno), "receive a packet");
  if (descriptors == Descriptors::kTakeOne) take_descriptors(message, packet);
  if (static_cast<std::size_t>(got) != *size || (message.msg_flags & MSG_TRUNC) != 0)
    return fail(Errc::kProtocol, "a packet changed its length while it was read");
  return packet;
}

Result<ReceivedPacket> Channel::receive(std::size_t limit, Descriptors descriptors,
                                        Deadline deadline) {
  for (;;) {
    TRY(std::optional<ReceivedPacket> packet, try_receive(limit, descriptors));
    if (packet) return *std::move(packet);
    TRY_VOID(wait_for(socket_.borrow(), POLLIN, deadline));
  }
}

Result<Channel::Sent> Channel::try_send(ByteSpan bytes, BorrowedFd descriptor) {
  OneDescriptorBuffer control;
  // sendmsg takes the bytes as non-const, but does not change them.
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor.valid()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = OneDescriptorBuffer::kLength;
    const int number = descriptor.get();
    std::memcpy(CMSG_DATA(header), &number, sizeof(number));
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_EOR | MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return Sent::kYes;
    if (errno != EINTR) return failed_send(errno);
  }
}

Result<void> Channel::send(ByteSpan bytes, BorrowedFd descriptor, Deadline deadline) {
  for (;;) {
    TRY(const Sent sent, try_send(bytes, descriptor));
    if (sent == Sent::kYes) return {};
    TRY_VOID(wait_for(socket_.borrow(), POLLOUT, deadline));
  }
}

Result<void> Channel::refuse_descriptors() {
#ifdef SO_PASSRIGHTS
  const int off = 0;
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) != 0 &&
      errno != ENOPROTOOPT)
    return fail_errno(errno, Errc::kSystem, "refuse descriptors");
#endif
  return {};
}

Result<void> Channel::check_send_buffer() const {
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &length) != 0)
    return fail_errno(errno, Errc::kSystem, "read the size of the send buffer");
  if (!send_buffer_suffices(bytes))
    return fail_errno(ENOBUFS, Errc::kSystem, "the send buffer holds only {} bytes", bytes);
  return {};
}

}  // namespace airlock
