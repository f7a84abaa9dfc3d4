// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <set>
#include <string>

#include "lib/base/error.h"

namespace airlock {

// Where mounts of a user appear: <base>/<user name>/<folder>. Everything here is root's, below a
// base nobody else can write to, so a path made here can't be redirected. Plain system calls on
// tmpfs; called from errands, and from the daemon only at its start.
struct PlaceRequest {
  std::string base = "/run/media";
  uid_t user = 0;
  gid_t group = 0;
  std::string user_name;
  std::string folder;  // wished; one safe path component. Taken ones get "1", "2", ... behind it
};

// Creates the folder (root's, mode 0000 until something is mounted on it), and the user's folder
// with an ACL that lets only that user in. Returns the full path.
Result<std::string> make_mount_place(const PlaceRequest& request);

// Whether the path is of the form that make_mount_place() gives.
bool is_mount_place(const std::string& base, const std::string& path);

// Removes the folder if it is empty and not a mount point; never follows a symlink, never fails
// on one that is gone.
Result<void> remove_mount_place(const std::string& base, const std::string& path);

// The same, and nothing for a place that make_mount_place() did not make: what others mounted and
// airlockd only watches is theirs to remove.
Result<void> remove_own_mount_place(const std::string& base, const std::string& path);

// At start: removes folders of earlier runs that are empty and no mount point, but for `keep`.
void sweep_mount_places(const std::string& base, const std::set<std::string>& keep);

}  // namespace airlock
