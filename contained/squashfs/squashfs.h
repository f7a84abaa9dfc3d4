// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/read_only_driver.h"

namespace airlock::squashfs {

// squashfs 4.0, as Documentation/filesystems/squashfs.rst of Linux and what mksquashfs writes
// describe it.
Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium);

}  // namespace airlock::squashfs
