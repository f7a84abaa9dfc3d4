// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/error.h"
#include "lib/protocol/foreign_options.h"

namespace airlock {

enum class MediaOwners {
  kUser,   // every file appears as the mounting user's own
  kMedia,  // as the medium says
};

// What the helper asks a driver for, from the arguments of the session:
// SUBTYPE MEDIUM MOUNTPOINT [-o a,b,c]...
struct DriverOptions {
  std::string subtype;
  std::string medium;
  std::string mount_point;
  bool fuseblk = false;
  bool allow_other = false;
  bool keeps_live_state = false;  // whoever mounts it keeps one for a successor
  bool resumes = false;     // goes on with the mount of a driver that died; there is a live state
  bool checked = false;     // whoever mounts it had it checked just now, and it is consistent
  std::uint32_t flags = 0;  // MS_*
  MediaOwners owners = MediaOwners::kUser;
  uid_t user = 0;
  gid_t group = 0;

  ForeignOptions foreign;  // drivers without that ability refuse them

  [[nodiscard]] bool read_only() const;
};

// Pure. An option nobody knows is an error that names it.
Result<DriverOptions> parse_driver_options(std::span<const std::string> arguments);

}  // namespace airlock
