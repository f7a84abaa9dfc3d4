// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>

namespace airlock {

// The number of the block device that a path below /dev names, 0 if it names none. Follows links
// within /dev only, never into another mount: a user who may mount something can write any path
// into the mount table, even one into a filesystem that never answers.
dev_t block_device_named(const std::string& path, const std::string& dev = "/dev");

}  // namespace airlock
