// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "contained/ext/journal.h"

namespace airlock::ext::test {

// A second opinion on the log: walks it as the kernel and e2fsck do and copies whole transactions
// home. Written from the format's description alone, it shares no code with the writer but the
// checksum. Far from complete: no revoke records, checksums of the newest kind or none. Returns how
// many transactions it replayed.
int replay(BlockIo& medium, const JournalGeometry& geometry);

}  // namespace airlock::ext::test
