// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "lib/base/unique_fd.h"
#include "lib/protocol/probe_record.h"

namespace airlock::probe {

// What libblkid makes of the first `size` bytes of a medium, as far as a record can say it: what
// does not fit one (a UUID that is none, half a character) is left out. The only place that knows
// libblkid. It does not look at whether the medium is clean.
Result<ProbeRecord> identify(BorrowedFd medium, std::uint64_t size);

// At most this many bytes, and no part of a UTF-8 character at the end of what was cut.
std::string cut_text(std::string_view text, std::size_t most);

}  // namespace airlock::probe
