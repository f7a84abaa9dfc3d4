// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/read_only_driver.h"

namespace airlock::iso {

// ISO 9660 (ECMA-119) with Joliet, Rock Ridge and zisofs. README.md says what it reads.
Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium);

}  // namespace airlock::iso
