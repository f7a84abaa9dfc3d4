// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace airlock {

// Identifies a mount. Has no descriptors, so that it can be copied into an errand.
struct MountIdentity {
  std::string mount_point;
  std::uint64_t mount_id = 0;  // as in mountinfo
  dev_t filesystem = 0;        // st_dev of the mounted files; its minor names the FUSE connection
};

}  // namespace airlock
