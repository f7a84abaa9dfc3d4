// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/socket_launcher.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/service_address.h"

namespace airlock {
namespace {

// The directories belong to root. A socket in one of them that does not was made by somebody whom
// root let in, and they must not be handed a mount.
Result<bool> has_socket_of_root(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return false;
  if (!S_ISSOCK(info.st_mode)) return fail(Errc::kInvalidArgument, "it is not a socket");
  if (info.st_uid != 0) return fail(Errc::kNotPermitted, "it does not belong to root");
  return true;
}

Result<std::optional<Channel>> try_directory(const std::string& directory, std::string_view subtype,
                                             Deadline deadline) {
  TRY(const auto path, service_socket_path(directory, subtype));
  TRY(const bool present, has_socket_of_root(path));
  if (!present) return std::nullopt;
  TRY(auto channel, connect_service(directory, subtype, deadline));
  TRY_VOID(require_peer(channel.descriptor(), /*user=*/0));
  return channel;
}

}  // namespace

Result<void> require_peer(BorrowedFd socket, uid_t user) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno(errno, Errc::kSystem, "ask who answers");
  if (peer.uid == user) return {};
  return fail(Errc::kNotPermitted, "user {} answers there", peer.uid);
}

Result<std::optional<ServiceConnection>> connect_to_service(
    std::span<const std::string> directories, std::string_view subtype, Deadline deadline) {
  for (const std::string& directory : directories) {
    auto channel = try_directory(directory, subtype, deadline);
    if (channel && *channel)
      return ServiceConnection{.channel = std::move(**channel), .directory = directory};
    if (!channel)
      log(LogLevel::kNotice, "skipping the service {} in {}: {}", quote(subtype), directory,
          channel.error().message());
  }
  return std::nullopt;
}

}  // namespace airlock
