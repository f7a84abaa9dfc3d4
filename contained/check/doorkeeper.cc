// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/doorkeeper.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "lib/protocol/checkers.h"

namespace airlock::check {
namespace {

// As the kernel's header has them since 5.14.
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

// e2fsck makes sure that its first three descriptors are open.
constexpr std::string_view kNullPath = "/dev/null";
constexpr std::size_t kLongestName = 16;

// Addresses are of the asking process.
struct Question {
  std::uint64_t path = 0;
  int flags = 0;             // of opening
  std::uint64_t status = 0;  // where to put what there is to know; zero for opening
};

Question question_of(const seccomp_data& data) {
#ifdef SYS_open
  if (data.nr == SYS_open) return {.path = data.args[0], .flags = static_cast<int>(data.args[1])};
#endif
#ifdef SYS_stat
  if (data.nr == SYS_stat) return {.path = data.args[0], .status = data.args[1]};
#endif
#ifdef SYS_newfstatat
  if (data.nr == SYS_newfstatat) return {.path = data.args[1], .status = data.args[2]};
#endif
  return {.path = data.args[1], .flags = static_cast<int>(data.args[2])};
}

iovec remote(std::uint64_t address, std::size_t length) {
  iovec there{.iov_base = nullptr, .iov_len = length};
  std::memcpy(&there.iov_base, &address, sizeof there.iov_base);
  return there;
}

// The name with its end, as far as it is no longer than those we know.
bool is_name_at(pid_t asking, std::uint64_t address, std::string_view wanted) {
  std::array<char, kLongestName> name{};
  iovec here{.iov_base = name.data(), .iov_len = wanted.size() + 1};
  const iovec there = remote(address, wanted.size() + 1);
  const ssize_t length = ::process_vm_readv(asking, &here, 1, &there, 1, 0);
  return length == static_cast<ssize_t>(here.iov_len) && wanted == name.data();
}

// The asking process may have ended meanwhile.
Result<void> done(int outcome) {
  if (outcome >= 0 || errno == ENOENT || errno == EINTR || errno == EINPROGRESS) return {};
  return fail_errno(errno, Errc::kSystem, "answer the checker");
}

// Zero means that it worked.
Result<void> answer(BorrowedFd listener, std::uint64_t id, int error) {
  seccomp_notif_resp response{};
  response.id = id;
  response.error = -error;
  return done(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response));
}

Result<void> let_it_look(BorrowedFd listener, std::uint64_t id) {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return done(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &response));
}

// What fstat() on the medium would tell.
Result<void> describe(BorrowedFd listener, const seccomp_notif& question, std::uint64_t address,
                      BorrowedFd medium) {
  struct stat status{};
  if (::fstat(medium.get(), &status) != 0) return answer(listener, question.id, errno);
  const iovec here{.iov_base = &status, .iov_len = sizeof status};
  const iovec there = remote(address, sizeof status);
  const auto asking = static_cast<pid_t>(question.pid);
  if (::process_vm_writev(asking, &here, 1, &there, 1, 0) != static_cast<ssize_t>(sizeof status))
    return answer(listener, question.id, EFAULT);
  return answer(listener, question.id, 0);
}

Result<void> hand_over(BorrowedFd listener, std::uint64_t id, BorrowedFd medium, int flags) {
  // All descriptors of it share one position; opened anew it would be at the beginning.
  (void)::lseek(medium.get(), 0, SEEK_SET);
  seccomp_notif_addfd handing{};
  handing.id = id;
  handing.flags = SECCOMP_ADDFD_FLAG_SEND;
  handing.srcfd = static_cast<std::uint32_t>(medium.get());
  handing.newfd_flags = static_cast<std::uint32_t>(flags & O_CLOEXEC);
  const int outcome = ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &handing);
  if (outcome < 0 && errno == EMFILE) return answer(listener, id, EMFILE);
  return done(outcome);
}

}  // namespace

Result<void> Doorkeeper::answer_one() const {
  seccomp_notif question{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) return done(-1);
  const Question asked = question_of(question.data);
  const BorrowedFd listener = listener_.borrow();
  const auto asking = static_cast<pid_t>(question.pid);
  const bool medium = is_name_at(asking, asked.path, kMediumPath);
  if (asked.status != 0 && medium) return describe(listener, question, asked.status, medium_);
  if (asked.status == 0 && is_name_at(asking, asked.path, kNullPath))
    return hand_over(listener, question.id, BorrowedFd{STDIN_FILENO}, asked.flags);
  if (!medium) return let_it_look(listener, question.id);
  const bool writes = (asked.flags & O_ACCMODE) != O_RDONLY;
  if (writes && access_ == Access::kReadOnly) return answer(listener, question.id, EROFS);
  return hand_over(listener, question.id, medium_, asked.flags);
}

}  // namespace airlock::check
