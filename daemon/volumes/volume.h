// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/devices/device.h"
#include "daemon/mounting/checking.h"
#include "daemon/mounting/mounting.h"
#include "daemon/policy/settings.h"
#include "lib/protocol/probe_record.h"

namespace airlock {

enum class VolumeState {
  kProbing,    // the medium is being examined
  kWaiting,    // until there is an unlocked session
  kAvailable,  // nothing happens until somebody asks
  kMounting,
  kMounted,
  kUnmounting,
  kDead,     // its driver died while it was mounted
  kIgnored,  // not ours to touch
  kRefused,  // the policy refuses it
  kGone,     // the medium was pulled out, and its mount is being taken away
};

inline constexpr std::array kAllVolumeStates = {
    VolumeState::kProbing,  VolumeState::kWaiting, VolumeState::kAvailable,
    VolumeState::kMounting, VolumeState::kMounted, VolumeState::kUnmounting,
    VolumeState::kDead,     VolumeState::kIgnored, VolumeState::kRefused,
    VolumeState::kGone,
};

// The state's name on the bus: "probing".
std::string_view state_name(VolumeState state);

// Whether a volume can go from one state to the other in one step. Staying is not a step.
bool may_become(VolumeState from, VolumeState to);

// An image that was handed over as an open descriptor.
struct VolumeImage {
  std::string name;    // as its opener calls it, without control characters; foreign text
  std::string opener;  // bus name
  uid_t owner = 0;     // the user who opened it
  bool opener_is_there = true;
  std::shared_ptr<HeldFile> file;
  bool writable = false;
  std::uint64_t size = 0;
};

// How a mount ended, for a user who wants to unplug its medium; true at that moment.
struct UnmountEnd {
  enum class Outcome {
    kSafe,
    kDriveInUse,  // everything is written, but something else on its drive is in use
    kIncomplete,  // the latest changes may be lost
    kUnknown,     // it is unknown whether everything was written
  };
  Outcome outcome = Outcome::kUnknown;
  std::string summary;  // one sentence
};

// How often the driver of a mount was replaced, and why the last time.
struct Healings {
  unsigned count = 0;
  std::string cause;  // one phrase after "the driver"
  std::chrono::system_clock::time_point when;
  std::chrono::milliseconds longest_pause{};
};

// A mount of the same medium that no driver of ours serves.
struct UncontainedMount {
  std::string mount_point;
  std::string type;  // of the mount table: "vfat", "fuseblk"
  bool read_only = false;
  Uncontained setting = Uncontained::kWarn;

  friend bool operator==(const UncontainedMount&, const UncontainedMount&) = default;
};

// Everything airlockd knows about one medium, partition or image. A plain value: its VolumeMachine
// decides what happens to it.
struct Volume {
  std::string id;  // "sdb1", "image3"; the last part of its object path
  VolumeState state = VolumeState::kProbing;
  std::string state_reason;
  std::string decided_by;  // the rule behind the last decision

  std::optional<Device> device;      // exactly one of device and image, except for a mount found
  std::optional<VolumeImage> image;  // at start whose device is not known (yet)
  std::optional<ProbeRecord> probe;
  std::optional<VolumeCheck> check;  // the last one of this medium
  bool removable = false;            // according to the device, or to a rule

  MountSource source;
  std::optional<LiveMount> mount;  // even after its driver died, until it is detached
  bool placed_by_others = false;   // mount(8) or udisks chose the place of the last mount
  uid_t mounted_for = 0;
  gid_t mounted_for_group = 0;
  std::string mounted_for_name;
  Healings healings;                            // of the last mount
  std::optional<DriverDeath> death;             // why the last mount ended, until the next succeeds
  std::string dead_driver;                      // the driver that died
  std::optional<UnmountEnd> last_unmount;       // until it is mounted again
  std::optional<UncontainedMount> uncontained;  // of a removable medium, by another program
};

}  // namespace airlock
