// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "cli/ctl/bus_client.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock::ctl {

// Sends descriptors to airlockd, which accepts none from the bus. Returns their name for use in one
// call.
Result<std::string> hand_over_files(BusClient& bus, std::span<const BorrowedFd> files,
                                    std::chrono::seconds deadline = std::chrono::seconds(30));

}  // namespace airlock::ctl
