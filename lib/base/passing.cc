// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace airlock {
namespace {

struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostPassed)> bytes{};
};

void take_descriptors(msghdr& message, std::vector<UniqueFd>& into) {
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(head) + i * sizeof number, sizeof number);
      into.emplace_back(number);
    }
  }
}

}  // namespace

Result<void> pass(BorrowedFd socket, std::string_view bytes,
                  std::span<const BorrowedFd> descriptors) {
  if (descriptors.size() > kMostPassed)
    return fail(Errc::kInvalidArgument, "{} descriptors are too many", descriptors.size());
  ControlBuffer control;
  // sendmsg takes the bytes as non-const, but does not change them.
  iovec part = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i].get();
      std::memcpy(CMSG_DATA(head) + i * sizeof number, &number, sizeof number);
    }
  }
  for (;;) {
    if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    if (errno != EINTR) return fail_errno(errno, errc_from_errno(errno), "pass a packet on");
  }
}

Result<PassedPacket> take_passed(BorrowedFd socket, std::size_t most_bytes) {
  PassedPacket packet{.bytes = std::string(most_bytes, '\0'), .descriptors = {}};
  ControlBuffer control;
  iovec part = {.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t length = -1;
  do {
    length = ::recvmsg(socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return fail_errno(errno, errc_from_errno(errno), "take a packet");
  take_descriptors(message, packet.descriptors);
  if (length == 0 && packet.descriptors.empty())
    return fail(Errc::kPeerGone, "the other end has closed the connection");
  if ((message.msg_flags & MSG_TRUNC) != 0)
    return fail(Errc::kLimitExceeded, "a packet of more than {} bytes", most_bytes);
  packet.bytes.resize(static_cast<std::size_t>(length));
  return packet;
}

}  // namespace airlock
