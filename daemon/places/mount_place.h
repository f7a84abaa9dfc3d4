// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <set>
#include <string>

#include "lib/base/error.h"

namespace airlock {

// Where a user's mounts appear: <base>/<user name>/<folder>. All of it belongs to root, below a
// base that nobody else can write to, so a path made here can't be redirected. Plain system calls
// on tmpfs; errands call this, and the daemon only at its start.
struct PlaceRequest {
  std::string base = "/run/media";
  uid_t user = 0;
  gid_t group = 0;
  std::string user_name;
  std::string folder;  // desired; one safe path component. If taken, "1", "2", ... is appended
};

// Creates the folder (root's, mode 0000 until something is mounted on it), and the user's folder
// with an ACL that lets only that user in. Returns the full path.
Result<std::string> make_mount_place(const PlaceRequest& request);

// Whether the path has the form that make_mount_place() returns.
bool is_mount_place(const std::string& base, const std::string& path);

// Removes the folder if it is empty and not a mount point. Never follows a symlink, and never fails
// if the folder is gone.
Result<void> remove_mount_place(const std::string& base, const std::string& path);

// The same, but does nothing for a place that make_mount_place() did not make: if others made the
// mount and airlockd only watches it, they remove its folder.
Result<void> remove_own_mount_place(const std::string& base, const std::string& path);

// At start: removes empty folders of earlier runs that are not mount points, except `keep`.
void sweep_mount_places(const std::string& base, const std::set<std::string>& keep);

}  // namespace airlock
