// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {
namespace {

// An abstract name starts after a zero byte.
socklen_t unix_address(sockaddr_un& address, std::string_view name, std::size_t offset) {
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + offset, sizeof address.sun_path - offset - 1);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + offset + name.size());
}

const sockaddr* generic(const void* address) {
  return static_cast<const sockaddr*>(address);
}

int connect_to(int family, const void* address, socklen_t length) {
  const int connection = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return lost();
  return won_if(::connect(connection, generic(address), length) == 0);
}

}  // namespace

int connect_unix(const Targets& targets) {
  sockaddr_un address{};
  const socklen_t length = unix_address(address, targets.socket_path, 0);
  return connect_to(AF_UNIX, &address, length);
}

int connect_abstract(const Targets& targets) {
  sockaddr_un address{};
  const socklen_t length = unix_address(address, targets.abstract_name, 1);
  return connect_to(AF_UNIX, &address, length);
}

int connect_inet(const Targets& targets) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(targets.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect_to(AF_INET, &address, sizeof address);
}

int listen_abstract(const Targets&) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return lost();
  sockaddr_un address{};
  const socklen_t length = unix_address(address, "airlock-hostile-listener", 1);
  return won_if(::bind(listener, generic(&address), length) == 0 && ::listen(listener, 1) == 0);
}

int netlink(const Targets&) {
  constexpr int kRouting = 0;
  return won_if(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, kRouting) >= 0);
}

int message_queue(const Targets&) {
  const int queue = ::msgget(IPC_PRIVATE, 0600);
  const int outcome = won_if(queue >= 0);
  if (queue >= 0) ::msgctl(queue, IPC_RMID, nullptr);
  return outcome;
}

int shared_memory(const Targets&) {
  const int segment = ::shmget(IPC_PRIVATE, 4096, 0600);
  const int outcome = won_if(segment >= 0);
  if (segment >= 0) ::shmctl(segment, IPC_RMID, nullptr);
  return outcome;
}

// With more than one descriptor, poll() is a way to find out which are open.
int wait_for_many(const Targets&) {
  std::array<pollfd, 2> both{
      {{.fd = 0, .events = POLLIN, .revents = 0}, {.fd = 1, .events = POLLIN, .revents = 0}}};
  return won_if(::poll(both.data(), both.size(), 0) >= 0);
}

// Claims its victory itself; the driver's own report comes second.
int send_message(const Targets&) {
  std::array<char, 3> claim{'w', 'o', 'n'};
  iovec part{.iov_base = claim.data(), .iov_len = claim.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return won_if(::sendmsg(kControlDescriptor, &message, MSG_NOSIGNAL) > 0);
}

// Nobody has sent anything; being told so is as good as being answered.
int receive_message(const Targets&) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return won_if(::recvmsg(kControlDescriptor, &message, MSG_DONTWAIT) >= 0 || errno == EAGAIN);
}

int receive_bytes(const Targets&) {
  char byte = 0;
  return won_if(::recv(kControlDescriptor, &byte, 1, MSG_DONTWAIT) >= 0 || errno == EAGAIN);
}

// Only the half that the report does not need.
int close_channel(const Targets&) {
  return won_if(::shutdown(kControlDescriptor, SHUT_RD) == 0);
}

}  // namespace airlock::hostile
