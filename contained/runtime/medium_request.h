// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/driver_options.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/server.h"

namespace airlock {

// A driver that never writes holds a descriptor that cannot, also in a mount that asks for more.
enum class MediumUse { kReadAndWrite, kOnlyRead };

// The one file a driver asks for. No more descriptors are accepted after it.
Result<UniqueFd> ask_for_medium(Server& session, const DriverOptions& options, MediumUse use);

}  // namespace airlock
