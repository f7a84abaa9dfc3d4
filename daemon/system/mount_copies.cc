// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/mount_copies.h"

#include <algorithm>
#include <utility>

namespace airlock {
namespace {

// The numbers of the mount and of everything mounted on it, at any depth. A table lists a mount
// after its parent unless somebody moved it, so the search repeats until it finds nothing new.
std::set<int> with_descendants(int id, const std::vector<MountEntry>& table) {
  std::set<int> family{id};
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const MountEntry& entry : table)
      if (family.contains(entry.parent)) family.insert(entry.id);
  }
  return family;
}

void add(MountCopies& copies, const MountEntry& entry) {
  copies.places.push_back(entry.mount_point);
  copies.ids.insert(static_cast<std::uint64_t>(entry.id));
}

}  // namespace

bool is_within(std::string_view path, std::string_view place) {
  if (place == "/") return path.starts_with('/');
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

bool MountCopies::contain(std::string_view path) const {
  return std::ranges::any_of(places, [&](const auto& place) { return is_within(path, place); });
}

OwnCopies own_copies(const MountIdentity& mount, const std::vector<MountEntry>& table) {
  OwnCopies own;
  // Even if it is no longer in the table: a detached mount lives on in the processes that hold it.
  own.copies.places.push_back(mount.mount_point);
  own.copies.ids.insert(mount.mount_id);
  const std::set<int> family = with_descendants(static_cast<int>(mount.mount_id), table);
  for (const MountEntry& entry : table) {
    if (std::cmp_equal(entry.id, mount.mount_id)) {
      own.shared_group = entry.shared_group;
    } else if (entry.device == mount.filesystem || family.contains(entry.id)) {
      add(own.copies, entry);
      own.others.push_back(entry.mount_point);
    }
  }
  return own;
}

MountCopies foreign_copies(const MountIdentity& mount, int shared_group,
                           const std::vector<MountEntry>& table) {
  MountCopies copies;
  for (const MountEntry& entry : table) {
    if (entry.device != mount.filesystem) continue;
    add(copies, entry);
    // A table does not tell through how many namespaces a copy follows. If one in between is
    // independent, it is found itself.
    const bool follows =
        shared_group != 0 && (entry.shared_group == shared_group || entry.master_group != 0);
    if (!follows && copies.independent.empty()) copies.independent = entry.mount_point;
  }
  return copies;
}

}  // namespace airlock
