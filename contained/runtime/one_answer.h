// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/channel.h"

namespace airlock {

// What the workers have in common that airlockd starts for one question: airlock-probe and
// airlock-check.

// The connection to whoever started this worker. A person who did is told what to do instead.
Result<Channel> control_channel(std::string_view instead);

// The whole of such a program, with its name for the journal. Returns its exit code.
int answer_once(const char* name, Result<void> (*answer)());

}  // namespace airlock
