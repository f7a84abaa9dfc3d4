// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mount/live_mount.h"
#include "lib/base/error.h"

namespace airlock {

// What is remembered of one mount across the death of airlockd: a small file below /run/airlock,
// written (and renamed into place) when the mount exists, removed when it is gone.
struct MountRecord {
  std::string volume_id;
  MountSource source;  // without the image descriptor
  LiveMount mount;     // without descriptors
  uid_t user = 0;
  std::string user_name;
  std::string decided_by;
  bool leaving = false;  // airlockd was unmounting it
};

class MountRecords {
 public:
  // The directory is made if it is missing, root's, mode 0700.
  static Result<MountRecords> open(const std::string& directory);

  Result<void> save(const MountRecord& record);
  void forget(const std::string& volume_id);
  // Every readable record; files that make no sense are named in the log and removed.
  std::vector<MountRecord> load();

 private:
  explicit MountRecords(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

// A record held against the kernel's mount table and the driver's process at start.
struct AdoptedMount {
  enum class State {
    kAlive,      // mount and driver are there; life is open
    kDead,       // the mount is there, its driver is not
    kLeaving,    // the mount is gone, but its driver still writes; life is open
    kUnmounted,  // both are gone: nothing to do but to forget
  };
  MountRecord record;
  State state = State::kUnmounted;
};
std::vector<AdoptedMount> adopt_mounts(std::vector<MountRecord> records,
                                       const std::string& mountinfo = "/proc/self/mountinfo");

}  // namespace airlock
