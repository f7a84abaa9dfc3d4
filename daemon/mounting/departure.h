// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "daemon/mounting/mounting_tools.h"

namespace airlock {

// One mount that we are taking away, for as long as somebody waits for the answer. The answer says
// more than the mount's watcher could, so the watcher stays silent meanwhile.
class Departure {
 public:
  Departure(MountingTools& tools, std::uint64_t mount_id);
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  ~Departure() { give_up(); }

  // The mount has left and the caller has the answer: nothing is left to watch.
  void complete();
  // Hands the mount back to its watcher, whatever has happened to it.
  void give_up();

 private:
  MountingTools& tools_;
  std::uint64_t mount_id_;
  bool under_way_ = true;
};

}  // namespace airlock
