// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/service_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// connect(2) on a local socket waits only for room in the listener's queue, and at most for the
// send timeout; poll can't wait for that room.
Result<void> limit_connect(BorrowedFd socket, Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
      deadline - std::chrono::steady_clock::now());
  // Zero would mean "for ever".
  const auto time = std::max(left, std::chrono::microseconds{1});
  const timeval limit{.tv_sec = static_cast<time_t>(time.count() / 1'000'000),
                      .tv_usec = static_cast<suseconds_t>(time.count() % 1'000'000)};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
    return fail_errno(errno, Errc::kSystem, "limit the time to connect");
  return {};
}

Errc connect_errc(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
      return Errc::kNotFound;
    case EAGAIN:
      return Errc::kTimedOut;
    case EPROTOTYPE:
      return Errc::kProtocol;
    default:
      return errc_from_errno(error_number);
  }
}

std::string_view connect_reason(int error_number) {
  switch (error_number) {
    case ENOENT:
      return "no driver socket there";
    case ECONNREFUSED:
      return "nobody listens there";
    case EPROTOTYPE:
      return "not a packet socket";
    case EAGAIN:
      return "too many are waiting there already";
    default:
      return "cannot connect";
  }
}

}  // namespace

Result<std::string> subtype_from_type(std::string_view type) {
  const std::string_view shorter = without_prefix(type, "fuseblk.");
  const std::string_view subtype = shorter == type ? without_prefix(type, "fuse.") : shorter;
  if (!is_plain_name(subtype))
    return fail(Errc::kInvalidArgument, "{} names no filesystem type", quote(type));
  return std::string(subtype);
}

Result<std::string> service_socket_path(std::string_view directory, std::string_view subtype) {
  if (!is_plain_name(subtype))
    return fail(Errc::kInvalidArgument, "{} names no filesystem type", quote(subtype));
  std::string path = std::string(directory) + "/" + std::string(subtype);
  if (path.size() > kMaxSocketPath)
    return fail_errno(ENAMETOOLONG, Errc::kLimitExceeded, "{} does not fit a socket address",
                      quote(path));
  return path;
}

bool service_available(std::string_view directory, std::string_view subtype) {
  const Result<std::string> path = service_socket_path(directory, subtype);
  if (!path) return false;
  struct stat status{};
  return ::stat(path->c_str(), &status) == 0 && S_ISSOCK(status.st_mode) &&
         ::access(path->c_str(), W_OK) == 0;
}

Result<Channel> connect_service(std::string_view directory, std::string_view subtype,
                                Deadline deadline) {
  TRY(const std::string path, service_socket_path(directory, subtype));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, errc_from_errno(errno), "make a socket");
  TRY_VOID(limit_connect(socket.borrow(), deadline));

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  int outcome = 0;
  do {
    outcome = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } while (outcome != 0 && errno == EINTR);
  if (outcome != 0)
    return fail_errno(errno, connect_errc(errno), "{}: {}", quote(path), connect_reason(errno));
  Channel channel(std::move(socket));
  TRY_VOID(channel.check_send_buffer());
  return channel;
}

}  // namespace airlock
