// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/mount/driver_start.h"

namespace airlock {

// A driver's options on its command line, after "-o". airlockd and mount.airlock fill this in from
// their decisions; one function makes the text.
struct DriverArguments {
  std::uint32_t flags = 0;  // MS_ bits of the mount; the driver is told those that have a name
  bool block = false;       // it will be mounted as fuseblk
  bool allow_other = false;
  bool live = false;               // a live state is kept for a successor
  bool resume = false;             // it is such a successor
  bool found_consistent = false;   // a check just found that, and the medium was held since
  std::vector<std::string> words;  // "owner=media", "fmask=22", "sync"
  uid_t user = 0;
  gid_t group = 0;
};

// Drivers that are not ours are not told what only ours understand: owners, and how media of
// foreign filesystems are shown.
std::string options_for_driver(const DriverArguments& options, DriverOrigin origin);

}  // namespace airlock
