// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/departure.h"

#include <utility>

#include "daemon/mounting/kernel_mount_watch.h"

namespace airlock {

Departure::Departure(MountingTools& tools, std::uint64_t mount_id)
    : tools_(tools), mount_id_(mount_id) {
  tools_.on_their_way_out.insert(mount_id_);
}

void Departure::complete() {
  for (KernelMountWatch* watch : tools_.watches)
    if (watch->mount_id() == mount_id_) watch->taken_away();
}

void Departure::give_up() {
  if (!std::exchange(under_way_, false)) return;
  tools_.on_their_way_out.erase(tools_.on_their_way_out.find(mount_id_));
  for (KernelMountWatch* watch : tools_.watches)
    if (watch->mount_id() == mount_id_) watch->look_again();
}

}  // namespace airlock
