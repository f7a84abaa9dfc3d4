// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/channel.h"

namespace airlock {

// A driver that another program starts and contains, usually systemd: connecting to its socket
// starts it. Its process is not ours; the program that accepted the connection may keep a copy of
// it. So only shutdown ends it, and a crash of the driver is noticed when its unit is cleaned up.
struct ServiceConnection {
  Channel channel;
  std::string directory;  // the one of the given directories that has the socket
};

// Goes through the directories in order and connects to the first socket <directory>/<subtype> that
// root made and root answers. nullopt: there is none. A socket that exists and can't be used is
// skipped with a notice in the log.
Result<std::optional<ServiceConnection>> connect_to_service(
    std::span<const std::string> directories, std::string_view subtype, Deadline deadline);

// Fails unless the process that answers the connection belongs to the user.
Result<void> require_peer(BorrowedFd socket, uid_t user);

}  // namespace airlock
