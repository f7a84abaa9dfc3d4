// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/door.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace airlock {
namespace {

// As the kernel's header has them since 5.14.
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

constexpr std::size_t kLongestName = 32;
constexpr std::size_t kLongestText = 8'192;
constexpr std::uint64_t kPage = 4'096;

void* as_pointer(std::uint64_t address) {
  void* pointer = nullptr;
  std::memcpy(&pointer, &address, sizeof pointer);
  return pointer;
}

pid_t asking(const seccomp_notif& question) {
  return static_cast<pid_t>(question.pid);
}

// The asking process may have ended meanwhile.
Result<void> done(int outcome) {
  if (outcome >= 0 || errno == ENOENT || errno == EINTR || errno == EINPROGRESS) return {};
  return fail_errno(errno, Errc::kSystem, "answer the program");
}

}  // namespace

AskedOpening asked_opening(const seccomp_data& data) {
#ifdef SYS_open
  if (data.nr == SYS_open) return {.path = data.args[0], .flags = static_cast<int>(data.args[1])};
#endif
  return {.path = data.args[1], .flags = static_cast<int>(data.args[2])};
}

std::optional<std::uint64_t> asked_look(const seccomp_data& data) {
#ifdef SYS_newfstatat
  if (data.nr == SYS_newfstatat) return data.args[2];
#endif
  return std::nullopt;
}

bool is_name_at(const seccomp_notif& question, std::uint64_t address, std::string_view wanted) {
  std::array<char, kLongestName> name{};
  if (wanted.size() >= name.size()) return false;
  iovec here{.iov_base = name.data(), .iov_len = wanted.size() + 1};
  iovec there{.iov_base = as_pointer(address), .iov_len = wanted.size() + 1};
  const ssize_t length = ::process_vm_readv(asking(question), &here, 1, &there, 1, 0);
  return length == static_cast<ssize_t>(here.iov_len) && wanted == name.data();
}

std::optional<std::string> text_at(const seccomp_notif& question, std::uint64_t address,
                                   std::size_t most) {
  std::array<char, kLongestText> text{};
  most = std::min(most, text.size());
  iovec here{.iov_base = text.data(), .iov_len = most};
  // The page behind the text may not be there, and then nothing of its part is read.
  std::vector<iovec> there;
  for (std::uint64_t at = address, left = most; left > 0;) {
    const std::uint64_t part = std::min(left, kPage - at % kPage);
    there.push_back({.iov_base = as_pointer(at), .iov_len = part});
    at += part;
    left -= part;
  }
  const ssize_t length =
      ::process_vm_readv(asking(question), &here, 1, there.data(), there.size(), 0);
  if (length <= 0) return std::nullopt;
  const std::string_view read(text.data(), static_cast<std::size_t>(length));
  const std::size_t end = read.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(read.substr(0, end));
}

Result<std::optional<seccomp_notif>> Door::next() const {
  seccomp_notif question{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &question) == 0) return question;
  TRY_VOID(done(-1));
  return std::nullopt;
}

bool Door::still_asks(const seccomp_notif& question) const {
  std::uint64_t id = question.id;
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

Result<void> Door::reply(const seccomp_notif& question, int error) const {
  seccomp_notif_resp answer{};
  answer.id = question.id;
  answer.error = -error;
  return done(::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer));
}

Result<void> Door::let_go_on(const seccomp_notif& question) const {
  seccomp_notif_resp answer{};
  answer.id = question.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  return done(::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer));
}

Result<void> Door::hand_over(const seccomp_notif& question, BorrowedFd file, int flags) const {
  // All descriptors of it share one position; opened anew it would be at the beginning.
  (void)::lseek(file.get(), 0, SEEK_SET);
  seccomp_notif_addfd added{};
  added.id = question.id;
  added.flags = SECCOMP_ADDFD_FLAG_SEND;
  added.srcfd = static_cast<std::uint32_t>(file.get());
  added.newfd_flags = static_cast<std::uint32_t>(flags & O_CLOEXEC);
  const int outcome = ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added);
  if (outcome < 0 && errno == EMFILE) return reply(question, EMFILE);
  return done(outcome);
}

// As the kernel would have written it.
Result<void> Door::describe(const seccomp_notif& question, std::uint64_t into,
                            BorrowedFd file) const {
#ifdef SYS_newfstatat
  struct stat status{};
  if (::syscall(SYS_newfstatat, file.get(), "", &status, AT_EMPTY_PATH) != 0)
    return reply(question, errno);
  iovec here{.iov_base = &status, .iov_len = sizeof status};
  iovec there{.iov_base = as_pointer(into), .iov_len = sizeof status};
  // As late as can be. What remains between this and the write is harmless for the program itself,
  // whose number only we give back; a thread of it that ends would have to be followed by as many
  // others as there are numbers. The answer below goes to nobody if the process has ended.
  if (!still_asks(question)) return {};
  if (::process_vm_writev(asking(question), &here, 1, &there, 1, 0) !=
      static_cast<ssize_t>(sizeof status))
    return reply(question, EFAULT);
  return reply(question, 0);
#else
  (void)into;
  (void)file;
  return reply(question, ENOSYS);
#endif
}

}  // namespace airlock
