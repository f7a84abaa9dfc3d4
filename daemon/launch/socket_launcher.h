// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/channel.h"

namespace airlock {

// A driver somebody else starts and contains, systemd as a rule: connecting to its socket is what
// starts it. Its process is not ours; whoever accepted the connection may keep a copy of it, so
// only shutdown ends it, and a driver that crashes is noticed when its unit is cleaned up.
struct ServiceConnection {
  Channel channel;
  std::string directory;  // the one of the given directories that had the socket
};

// Goes through the directories in order and connects to the first socket <directory>/<subtype>
// that root made and root answers. nullopt: there is none. A socket that is there and cannot be
// used is passed over with a notice in the log.
Result<std::optional<ServiceConnection>> connect_to_service(
    std::span<const std::string> directories, std::string_view subtype, Deadline deadline);

// Fails unless the process that answers the connection belongs to the user.
Result<void> require_peer(BorrowedFd socket, uid_t user);

}  // namespace airlock
