// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/nodes.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// One look at the volume under its lock. Nodes found in it stay valid as long as it lasts.
class Session {
 public:
  Session(Volume& volume, Nodes& nodes) : operation_(volume) { nodes.trim(); }

 private:
  Volume::Operation operation_;
};

}  // namespace airlock::fat
