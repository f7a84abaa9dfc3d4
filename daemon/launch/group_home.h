// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "daemon/system/mount_table.h"

namespace airlock {

// What the kernel and this machine say about control groups. A starter lives a moment, so it looks
// each time.
struct GroupSystem {
  std::vector<MountEntry> mounts;  // those of control groups
  std::string own_groups;          // the text of /proc/self/cgroup
  bool has_systemd = false;        // then the tree is systemd's

  static GroupSystem of_this_machine();
};

// The folders in which groups for workers are made, each made ready for that. With systemd there is
// one below the group of airlockd.service, if systemd has delegated it and put us in a group
// further down; otherwise systemd's tree is left alone. Without systemd there is a folder of our
// own at the top of each tree. Empty: no group can be had.
std::vector<GroupFolder> worker_group_homes(const GroupSystem& system);

// The groups that `text`, the content of a /proc/PID/cgroup, names: one in each tree.
std::vector<GroupFolder> folders_of(std::string_view text, const std::vector<MountEntry>& mounts);

}  // namespace airlock
