// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

namespace airlock {

// The number of the block device a path below /dev names, 0 if it names none. Links are followed
// within /dev only, never into something that is mounted there: whoever may mount something can
// write any path into the mount table, also one that leads into a filesystem which never answers.
dev_t block_device_named(const std::string& path, const std::string& dev = "/dev");

}  // namespace airlock
