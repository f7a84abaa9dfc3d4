// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"

namespace airlock::hostile {

// For control runs, which nothing holds: a SIGSEGV is reported as "fault" and the first two bytes
// of the instruction that raised it, in hexadecimal. The process then dies of it all the same.
void report_faults();

// Makes `int $0x80` raise SIGSEGV, as it does on machines whose kernel keeps that gate closed. Call
// after report_faults().
Result<void> close_gate();

}  // namespace airlock::hostile
