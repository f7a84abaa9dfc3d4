// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/mount/driver_start.h"

namespace airlock {

// What a driver is told on its command line, after "-o". airlockd and mount.airlock fill this in
// from what they decided; the text is made in one place.
struct DriverArguments {
  std::uint32_t flags = 0;  // MS_ bits of the mount; those of the kernel that have a name are told
  bool block = false;       // it will be mounted as fuseblk
  bool allow_other = false;
  bool found_consistent = false;   // a check just found so, and nobody else held the medium since
  std::vector<std::string> words;  // "owner=media", "fmask=22", "sync"
  uid_t user = 0;
  gid_t group = 0;
};

// Drivers of others are not told what only ours understand: owners and how foreign media are shown.
std::string options_for_driver(const DriverArguments& options, DriverOrigin origin);

}  // namespace airlock
