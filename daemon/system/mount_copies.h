// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/system/busy_processes.h"
#include "daemon/system/mount_table.h"

namespace airlock {

// One mount as one mount namespace shows it: its places and numbers, with everything mounted below
// it and every other mount of the same filesystem. Empty if the namespace does not have it.
struct MountCopies {
  std::vector<std::string> places;
  std::set<std::uint64_t> ids;
  // The first place that stays when the original mount is unmounted.
  std::string independent;

  // Whether the path is one of the places or below one.
  [[nodiscard]] bool contain(std::string_view path) const;
};

// The filesystem's mounts in the caller's own namespace, and everything below the mount.
struct OwnCopies {
  MountCopies copies;
  std::vector<std::string> others;  // places of all except the mount itself
  int shared_group = 0;             // the mount's own
};
OwnCopies own_copies(const MountIdentity& mount, const std::vector<MountEntry>& table);

// The same for the table of another namespace. An unmount spreads to the copies that share a group
// with our mount or follow another; the others are independent.
MountCopies foreign_copies(const MountIdentity& mount, int shared_group,
                           const std::vector<MountEntry>& table);

// Whether `path` is `place` or below it.
bool is_within(std::string_view path, std::string_view place);

}  // namespace airlock
