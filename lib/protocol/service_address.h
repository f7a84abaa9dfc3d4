// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"

namespace airlock {

// Where the socket of a filesystem driver is and how to reach it: <directory>/<subtype>.

// "fuse.ext4", "fuseblk.ext4" and "ext4" all mean the driver "ext4"; a prefix is taken off once.
// What is left must be a plain file name.
Result<std::string> subtype_from_type(std::string_view type);

// Fails with kLimitExceeded when the path does not fit a socket address (107 bytes), and with
// kInvalidArgument when the subtype is not a plain file name.
Result<std::string> service_socket_path(std::string_view directory, std::string_view subtype);

// Whether a socket is there and the real user may write to it. Starts nothing.
bool service_available(std::string_view directory, std::string_view subtype);

// Connects, at most until the deadline (one that has passed means: do not wait). The cause tells
// the cases apart: ENOENT no socket, ECONNREFUSED nobody listens, EPROTOTYPE it is a stream
// socket, EACCES not permitted, EAGAIN the queue stayed full.
Result<Channel> connect_service(std::string_view directory, std::string_view subtype,
                                Deadline deadline);

}  // namespace airlock
