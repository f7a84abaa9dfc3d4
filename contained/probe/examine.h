// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/unique_fd.h"
#include "lib/protocol/probe_record.h"

namespace airlock::probe {

// All of the worker's work on the descriptor it was handed: a record, or why there is none. The
// descriptor must be of a block device or file and only for reading.
ProbeReply examine(UniqueFd&& medium);

}  // namespace airlock::probe
