// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/handover.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>

#include "lib/base/passing.h"
#include "lib/base/text.h"

namespace airlock::ctl {

Result<std::string> hand_over_files(BusClient& bus, std::span<const BorrowedFd> files,
                                    std::chrono::seconds deadline) {
  TRY(const auto answer, bus.call({.path = kManagerPath,
                                   .interface = kManager,
                                   .method = "PrepareHandover",
                                   .arguments = {},
                                   .deadline = deadline,
                                   .meanwhile = {}}));
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd named no socket");
  std::string path = answer.front().text();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Errc::kProtocol, "the name of the socket {} is too long", quote(path));
  path.copy(address.sun_path, path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, Errc::kSystem, "make a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, Errc::kPeerGone, "connect to {}", quote(path));
  TRY_VOID(pass(socket.borrow(), "files", files));
  return path;
}

}  // namespace airlock::ctl
