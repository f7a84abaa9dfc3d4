// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/service_peer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

namespace airlock {
namespace {

void set_option(BorrowedFd socket, int on) {
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

// A packet may carry descriptors, and peeking at it makes copies of them.
void close_copies(const cmsghdr& head) {
  const std::size_t count = (head.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&head) + i * sizeof fd, sizeof fd);
    UniqueFd{fd}.reset();
  }
}

ServicePeer peek(BorrowedFd socket) {
  ServicePeer peer;
  char byte = 0;
  iovec part = {.iov_base = &byte, .iov_len = sizeof byte};
  alignas(cmsghdr) std::array<char, 512> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket.get(), &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
    return peer;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET) continue;
    if (head->cmsg_type == SCM_RIGHTS) close_copies(*head);
    if (head->cmsg_type != SCM_CREDENTIALS) continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(head), sizeof sender);
    peer.pid = sender.pid;
    peer.user = sender.uid;
  }
  return peer;
}

std::string unit_of(pid_t pid) {
  std::ifstream lines(fmt::format("/proc/{}/cgroup", pid));
  for (std::string line; std::getline(lines, line);)
    if (std::string unit = unit_in_cgroup(line); !unit.empty()) return unit;
  return "";
}

}  // namespace

void ask_for_peer(BorrowedFd socket) {
  set_option(socket, 1);
}

ServicePeer learn_peer(BorrowedFd socket, Deadline deadline) {
  ServicePeer peer;
  if (wait_for(socket, POLLIN, deadline)) peer = peek(socket);
  // The packets' reader expects them without credentials.
  set_option(socket, 0);
  if (peer.pid <= 0) return {};
  peer.life = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  peer.unit = unit_of(peer.pid);
  return peer;
}

std::string unit_in_cgroup(const std::string& cgroup) {
  constexpr std::string_view kSuffix = ".service";
  std::size_t end = cgroup.size();
  while (end != std::string::npos && end > 0) {
    const std::size_t slash = cgroup.rfind('/', end - 1);
    if (slash == std::string::npos) return "";
    const std::string name = cgroup.substr(slash + 1, end - slash - 1);
    if (name.size() > kSuffix.size() && name.ends_with(kSuffix)) return name;
    end = slash;
  }
  return "";
}

}  // namespace airlock
