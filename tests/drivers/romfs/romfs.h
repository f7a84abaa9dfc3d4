// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/read_only_driver.h"

namespace airlock::romfs {

// romfs, as Documentation/filesystems/romfs.rst of Linux describes it.
Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium);

}  // namespace airlock::romfs
