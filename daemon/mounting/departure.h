// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "daemon/mounting/mounting_tools.h"

namespace airlock {

// One mount on its way out by our doing, for as long as somebody waits for the answer: that tells
// more than its watcher could.
class Departure {
 public:
  Departure(MountingTools& tools, std::uint64_t mount_id);
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  ~Departure() { give_up(); }

  // It has left, and who asked was told: nothing is left to watch.
  void complete();
  // It is its watcher's again, whatever has happened to it.
  void give_up();

 private:
  MountingTools& tools_;
  std::uint64_t mount_id_;
  bool under_way_ = true;
};

}  // namespace airlock
