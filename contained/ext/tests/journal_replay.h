// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "contained/ext/journal.h"

namespace airlock::ext::test {

// A second opinion on the log: walks it like the kernel and e2fsck and copies whole transactions
// home. Written from the format's description alone, it shares no code with the writer but the
// checksum. Far from complete: no revoke records, checksums of the newest kind or none. Returns the
// number of transactions replayed.
int replay(BlockIo& medium, const JournalGeometry& geometry);

}  // namespace airlock::ext::test
