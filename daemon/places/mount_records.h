// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mount/live_mount.h"
#include "lib/base/error.h"

namespace airlock {

// The facts about one mount that survive the death of airlockd: a small file below /run/airlock,
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
  // Makes the directory if it is missing, as root's, mode 0700.
  static Result<MountRecords> open(const std::string& directory);

  Result<void> save(const MountRecord& record);
  void forget(const std::string& volume_id);
  // Returns every readable record; names invalid files in the log and removes them.
  std::vector<MountRecord> load();

 private:
  explicit MountRecords(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

// A record after comparison with the kernel's mount table and the driver's process at start.
struct AdoptedMount {
  enum class State {
    kAlive,      // mount and driver exist; life is open
    kDead,       // the mount exists, its driver does not
    kLeaving,    // the mount is gone, but its driver still writes; life is open
    kUnmounted,  // both are gone: only the record must be removed
  };
  MountRecord record;
  State state = State::kUnmounted;
};
std::vector<AdoptedMount> adopt_mounts(std::vector<MountRecord> records,
                                       const std::string& mountinfo = "/proc/self/mountinfo");

}  // namespace airlock
