// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/doorkeeper.h"

#include <fcntl.h>
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
#include <optional>
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

struct Opening {
  std::uint64_t path = 0;  // an address of the asking process
  int flags = 0;
};

Opening opening_of(const seccomp_data& data) {
#ifdef SYS_open
  if (data.nr == SYS_open) return {.path = data.args[0], .flags = static_cast<int>(data.args[1])};
#endif
  return {.path = data.args[1], .flags = static_cast<int>(data.args[2])};
}

// A look at a name, whose answer goes to an address of the asking process.
std::optional<std::uint64_t> look_of(const seccomp_data& data) {
#ifdef SYS_newfstatat
  if (data.nr == SYS_newfstatat) return data.args[2];
#endif
  return std::nullopt;
}

// The name with its end, as far as it is no longer than those we know.
bool is_name_at(pid_t asking, std::uint64_t address, std::string_view wanted) {
  std::array<char, kLongestName> name{};
  iovec here{.iov_base = name.data(), .iov_len = wanted.size() + 1};
  iovec there{.iov_base = nullptr, .iov_len = wanted.size() + 1};
  std::memcpy(&there.iov_base, &address, sizeof there.iov_base);
  const ssize_t length = ::process_vm_readv(asking, &here, 1, &there, 1, 0);
  return length == static_cast<ssize_t>(here.iov_len) && wanted == name.data();
}

// The asking process may have ended meanwhile.
Result<void> done(int outcome) {
  if (outcome >= 0 || errno == ENOENT || errno == EINTR || errno == EINPROGRESS) return {};
  return fail_errno(errno, Errc::kSystem, "answer the checker");
}

// A process number says whose memory is meant only as long as the process waits for an answer. When
// it has ended, another may get the number at once.
bool still_asks(BorrowedFd listener, std::uint64_t id) {
  return ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

// 0 is no error: it is told that its call went well.
Result<void> reply(BorrowedFd listener, std::uint64_t id, int error) {
  seccomp_notif_resp answer{};
  answer.id = id;
  answer.error = -error;
  return done(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer));
}

Result<void> let_it_look(BorrowedFd listener, std::uint64_t id) {
  seccomp_notif_resp answer{};
  answer.id = id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return done(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer));
}

Result<void> hand_over(BorrowedFd listener, std::uint64_t id, BorrowedFd medium, int flags) {
  // All descriptors of it share one position; opened anew it would be at the beginning.
  (void)::lseek(medium.get(), 0, SEEK_SET);
  seccomp_notif_addfd added{};
  added.id = id;
  added.flags = SECCOMP_ADDFD_FLAG_SEND;
  added.srcfd = static_cast<std::uint32_t>(medium.get());
  added.newfd_flags = static_cast<std::uint32_t>(flags & O_CLOEXEC);
  const int outcome = ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added);
  if (outcome < 0 && errno == EMFILE) return reply(listener, id, EMFILE);
  return done(outcome);
}

// As the kernel would have written it.
Result<void> describe(BorrowedFd listener, const seccomp_notif& question, std::uint64_t into,
                      BorrowedFd medium) {
#ifdef SYS_newfstatat
  struct stat status{};
  if (::syscall(SYS_newfstatat, medium.get(), "", &status, AT_EMPTY_PATH) != 0)
    return reply(listener, question.id, errno);
  iovec here{.iov_base = &status, .iov_len = sizeof status};
  iovec there{.iov_base = nullptr, .iov_len = sizeof status};
  std::memcpy(&there.iov_base, &into, sizeof there.iov_base);
  const auto asking = static_cast<pid_t>(question.pid);
  // As late as can be. What remains between this and the write is harmless for the checker itself,
  // whose number only we give back; a thread of it that ends would have to be followed by as many
  // others as there are numbers. The answer below goes to nobody if the process has ended.
  if (!still_asks(listener, question.id)) return {};
  if (::process_vm_writev(asking, &here, 1, &there, 1, 0) != static_cast<ssize_t>(sizeof status))
    return reply(listener, question.id, EFAULT);
  return reply(listener, question.id, 0);
#else
  (void)into;
  (void)medium;
  return reply(listener, question.id, ENOSYS);
#endif
}

}  // namespace

Result<void> Doorkeeper::answer_one() const {
  seccomp_notif question{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) return done(-1);
  return answer(question);
}

Result<void> Doorkeeper::answer(const seccomp_notif& question) const {
  const Opening opening = opening_of(question.data);
  const BorrowedFd listener = listener_.borrow();
  const auto asking = static_cast<pid_t>(question.pid);
  const auto into = look_of(question.data);
  const std::uint64_t name = into ? question.data.args[1] : opening.path;
  const bool null = !into && is_name_at(asking, name, kNullPath);
  const bool medium = is_name_at(asking, name, kMediumPath);
  if (!still_asks(listener, question.id)) return {};  // the name may have been another's
  if (into && medium) return describe(listener, question, *into, medium_);
  if (null) return hand_over(listener, question.id, BorrowedFd{STDIN_FILENO}, opening.flags);
  if (!medium) return let_it_look(listener, question.id);
  const bool writes = (opening.flags & O_ACCMODE) != O_RDONLY;
  if (writes && access_ == Access::kReadOnly) return reply(listener, question.id, EROFS);
  return hand_over(listener, question.id, medium_, opening.flags);
}

}  // namespace airlock::check
