// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/handover/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/handover/handovers.h"
#include "lib/base/text.h"

namespace airlock::keeper {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// The text that comes with the caller's descriptors is ignored.
constexpr std::size_t kMostWords = 256;
constexpr auto kPatience = 10'000;  // ms: the keeper only keeps files

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Errc::kLimitExceeded, "the name of the socket {} is too long", quote(path));
  path.copy(address.sun_path, path.size());
  return address;
}

Result<UniqueFd> listen_at(const std::string& path, uid_t user) {
  TRY(const auto address, address_of(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, Errc::kSystem, "make a socket");
  // Nobody else may connect: what waits in a connection is closed with it.
  const mode_t mask = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  (void)::umask(mask);
  if (bound != 0) return fail_errno(error, Errc::kSystem, "make the socket {}", quote(path));
  if (::chown(path.c_str(), user, static_cast<gid_t>(-1)) != 0 || ::listen(socket.get(), 1) != 0)
    return fail_errno(errno, Errc::kSystem, "make the socket {}", quote(path));
  return socket;
}

// Waits until there is something to read; false if airlockd closed its end.
Result<bool> await(BorrowedFd wanted, BorrowedFd airlockd) {
  std::array<pollfd, 2> both = {{{.fd = wanted.get(), .events = POLLIN, .revents = 0},
                                 {.fd = airlockd.get(), .events = 0, .revents = 0}}};
  for (;;) {
    const int ready = ::poll(both.data(), both.size(), -1);
    if (ready < 0 && errno != EINTR) return fail_errno(errno, Errc::kSystem, "wait");
    if (ready > 0 && both[1].revents != 0) return false;
    if (ready > 0) return true;
  }
}

// Descriptors that close without waiting for anybody: unnamed pipes, and processes.
bool closes_at_once(BorrowedFd descriptor) {
  struct statfs system = {};
  if (::fstatfs(descriptor.get(), &system) != 0) return false;
  if (system.f_type == PIPEFS_MAGIC) return true;
  std::array<char, 64> target{};
  const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", descriptor.get()).c_str(),
                                    target.data(), target.size());
  const std::string_view name(target.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  // The name until Linux 6.8, and the name in its own filesystem since then.
  return name == "anon_inode:[pidfd]" || name.starts_with("pidfd:[");
}

Result<News> describe(BorrowedFd descriptor) {
  struct stat info = {};
  const int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags >= 0 && ::fstat(descriptor.get(), &info) != 0 && errno == EACCES)
    return fail_errno(
        EACCES, Errc::kNotPermitted,
        "its filesystem lets nobody else look at the file (FUSE without allow_other)");
  if (flags < 0 || ::fstat(descriptor.get(), &info) != 0)
    return fail_errno(errno, errc_from_errno(errno), "look at the file");
  return News{.kind = News::Kind::kFile,
              .facts = {.mode = info.st_mode,
                        .flags = flags,
                        .size = static_cast<std::uint64_t>(std::max<off_t>(info.st_size, 0))}};
}

Result<void> tell_of(BorrowedFd descriptor, BorrowedFd airlockd) {
  TRY(const News news, describe(descriptor));
  return tell(airlockd, news, closes_at_once(descriptor) ? descriptor : BorrowedFd(-1));
}

Result<std::vector<UniqueFd>> receive(BorrowedFd listener, BorrowedFd airlockd) {
  TRY(const bool called, await(listener, airlockd));
  if (!called) return std::vector<UniqueFd>();
  UniqueFd caller(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!caller.valid()) return fail_errno(errno, Errc::kSystem, "accept a connection");
  TRY(const bool sent, await(caller.borrow(), airlockd));
  if (!sent) return std::vector<UniqueFd>();
  auto packet = take_passed(caller.borrow(), kMostWords);
  if (!packet) return fail(std::move(packet), "take the descriptors");
  if (packet->descriptors.empty() || packet->descriptors.size() > Handovers::kMostFiles)
    return fail(Errc::kInvalidArgument, "one message with 1 to {} descriptors is expected, not {}",
                Handovers::kMostFiles, packet->descriptors.size());
  return std::move(packet->descriptors);
}

// An errand sends the number of a file, and a socket for the answer.
void give(const PassedPacket& request, const std::vector<UniqueFd>& files) {
  if (request.bytes.size() != 1 || request.descriptors.size() != 1) return;
  const auto index = static_cast<unsigned char>(request.bytes.front());
  if (index >= files.size()) return;
  const std::array one = {files[index].borrow()};
  (void)pass(request.descriptors.front().borrow(), "F", one);
}

void keep(const std::vector<UniqueFd>& files, BorrowedFd airlockd) {
  for (;;) {
    pollfd requests{.fd = airlockd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&requests, 1, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    const auto request = take_passed(airlockd, 1);
    if (request)
      give(*request, files);
    else if (request.error().code == Errc::kPeerGone || (requests.revents & POLLIN) == 0)
      return;
  }
}

}  // namespace

Result<void> tell(BorrowedFd airlockd, const News& news, BorrowedFd own) {
  const std::string_view bytes(reinterpret_cast<const char*>(&news), sizeof news);
  const std::array one = {own};
  return own.valid() ? pass(airlockd, bytes, one) : pass(airlockd, bytes);
}

Result<News> read_news(const PassedPacket& packet) {
  News news;
  if (packet.bytes.size() != sizeof news) return fail(Errc::kProtocol, "the keeper talks nonsense");
  std::memcpy(&news, packet.bytes.data(), sizeof news);
  return news;
}

Result<ErrandReport> run(const std::string& path, uid_t user, UniqueFd airlockd) {
  TRY(auto listener, listen_at(path, user));
  TRY_VOID(tell(airlockd.borrow(), {.kind = News::Kind::kListening, .facts = {}}, BorrowedFd(-1)));
  TRY(const auto files, receive(listener.borrow(), airlockd.borrow()));
  (void)::unlink(path.c_str());
  for (const UniqueFd& file : files) TRY_VOID(tell_of(file.borrow(), airlockd.borrow()));
  TRY_VOID(tell(airlockd.borrow(), {.kind = News::Kind::kComplete, .facts = {}}, BorrowedFd(-1)));
  keep(files, airlockd.borrow());
  return ErrandReport{};
}

Result<UniqueFd> ask(BorrowedFd keeper, std::uint8_t index) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, Errc::kSystem, "make a socket pair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const std::array one = {theirs.borrow()};
  const char number = static_cast<char>(index);
  auto asked = pass(keeper, std::string_view(&number, 1), one);
  if (!asked) return fail(Errc::kNotFound, "the file is no longer kept open");
  theirs.reset();  // so that we notice when the keeper ends
  pollfd answer{.fd = ours.get(), .events = POLLIN, .revents = 0};
  if (::poll(&answer, 1, kPatience) <= 0)
    return fail(Errc::kTimedOut, "the process that keeps the file open does not answer");
  auto packet = take_passed(ours.borrow(), 1);
  if (!packet || packet->descriptors.size() != 1)
    return fail(Errc::kNotFound, "the file is no longer kept open");
  return std::move(packet->descriptors.front());
}

}  // namespace airlock::keeper
