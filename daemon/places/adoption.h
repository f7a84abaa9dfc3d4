// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/api/held_file.h"
#include "daemon/api/service.h"
#include "daemon/places/mount_records.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Finds mounts of ours whose record was lost (airlockd died before it could write it): every
// "fuse.airlock.*" and "fuseblk.airlock.*" at a place below the base that is not in `known`. The
// record has no volume id and contains what the mount table tells: source, type, place, user. The
// driver is known only if the kernel tells; the state is kDead if it tells that there is none.
std::vector<AdoptedMount> find_unrecorded_mounts(
    const std::string& base, const std::vector<AdoptedMount>& known,
    const std::string& mountinfo = "/proc/self/mountinfo");

// Mounts are made and seen in one mount namespace; the inode of /proc/self/ns/mnt identifies it.
Result<void> require_our_namespace(std::uint64_t mount_namespace);

// The descriptors of a mount that mount.airlock hands over.
struct MountFiles {
  UniqueFd driver;                  // pidfd; invalid if it is not known
  UniqueFd log;                     // invalid if nobody can read it
  std::shared_ptr<HeldFile> image;  // none for a device
};
// The mount that mount.airlock hands over, compared with the mount table; the state is kAlive, and
// the record has no volume id.
Result<AdoptedMount> identify_handed_over(const MountHandover& handed, MountFiles files,
                                          const std::string& mountinfo = "/proc/self/mountinfo");

}  // namespace airlock
