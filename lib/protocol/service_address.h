// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"

namespace airlock {

// Finds and connects to the socket of a filesystem driver: <directory>/<subtype>.

// "fuse.ext4", "fuseblk.ext4" and "ext4" all mean the driver "ext4"; one prefix is removed. The
// rest must be a plain file name.
Result<std::string> subtype_from_type(std::string_view type);

// Fails with kLimitExceeded if the path does not fit into a socket address (107 bytes), and with
// kInvalidArgument if the subtype is not a plain file name.
Result<std::string> service_socket_path(std::string_view directory, std::string_view subtype);

// Whether the socket exists and the real user may write to it. Starts nothing.
bool service_available(std::string_view directory, std::string_view subtype);

// Connects, at most until the deadline (if it has passed: without waiting). The cause distinguishes
// the cases: ENOENT no socket, ECONNREFUSED nobody listens, EPROTOTYPE a stream socket, EACCES not
// permitted, EAGAIN the queue stayed full.
Result<Channel> connect_service(std::string_view directory, std::string_view subtype,
                                Deadline deadline);

}  // namespace airlock
