// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "daemon/system/mount_table.h"

namespace airlock {

// The control groups of this machine, as the kernel reports them. A starter is short-lived, so it
// reads them each time.
struct GroupSystem {
  std::vector<MountEntry> mounts;  // those of control groups
  std::string own_groups;          // the text of /proc/self/cgroup
  bool has_systemd = false;        // if so, the tree belongs to systemd

  static GroupSystem of_this_machine();
};

// The folders in which groups for workers are made, each prepared for that. With systemd there is
// one below the group of airlockd.service, if systemd has delegated it and put us in a group
// further down; otherwise systemd's tree is left alone. Without systemd there is a folder of our
// own at the top of each tree. Empty: we can't have groups.
std::vector<GroupFolder> worker_group_homes(const GroupSystem& system);

// The groups named by `text`, the content of a /proc/PID/cgroup: one in each tree.
std::vector<GroupFolder> folders_of(std::string_view text, const std::vector<MountEntry>& mounts);

}  // namespace airlock
