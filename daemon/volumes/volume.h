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
#include "lib/protocol/probe_record.h"

namespace airlock {

enum class VolumeState {
  kProbing,    // somebody looks what is on it
  kWaiting,    // until there is an unlocked session
  kAvailable,  // nothing happens until somebody asks
  kMounting,
  kMounted,
  kUnmounting,
  kDead,     // it was mounted, and its driver died
  kIgnored,  // not ours to touch
  kRefused,  // policy says no
  kGone,     // the medium was pulled out, and its mount is being taken away
};

inline constexpr std::array kAllVolumeStates = {
    VolumeState::kProbing,  VolumeState::kWaiting, VolumeState::kAvailable,
    VolumeState::kMounting, VolumeState::kMounted, VolumeState::kUnmounting,
    VolumeState::kDead,     VolumeState::kIgnored, VolumeState::kRefused,
    VolumeState::kGone,
};

// The word for it on the bus: "probing".
std::string_view state_name(VolumeState state);

// Whether a volume can go from one state to the other in one step. Staying is no step.
bool may_become(VolumeState from, VolumeState to);

// An image somebody handed over as an open descriptor.
struct VolumeImage {
  std::string name;    // as its opener calls it, without control characters; foreign text
  std::string opener;  // bus name
  uid_t owner = 0;     // who opened it
  bool opener_is_there = true;
  std::shared_ptr<HeldFile> file;
  bool writable = false;
  std::uint64_t size = 0;
};

// How a mount ended, for whoever wants to pull its medium out: what was true in that moment.
struct UnmountEnd {
  enum class Outcome {
    kSafe,
    kDriveInUse,  // all of it is written, but something else of its drive is in use
    kIncomplete,  // what was written last may be lost
    kUnknown,     // nobody saw whether everything was written
  };
  Outcome outcome = Outcome::kUnknown;
  std::string summary;  // one sentence
};

// A mount of the same medium that no driver of ours serves.
struct UncontainedMount {
  std::string mount_point;
  std::string type;  // of the mount table: "vfat", "fuseblk"
  bool read_only = false;

  friend bool operator==(const UncontainedMount&, const UncontainedMount&) = default;
};

// Everything airlockd knows of one medium, partition or image. A value: what happens to it is the
// business of its VolumeMachine.
struct Volume {
  std::string id;  // "sdb1", "image3"; the last part of its object path
  VolumeState state = VolumeState::kProbing;
  std::string state_reason;
  std::string decided_by;  // the rule behind the last decision

  std::optional<Device> device;      // exactly one of device and image, but for a mount found
  std::optional<VolumeImage> image;  // again whose device is not known (yet)
  std::optional<ProbeRecord> probe;
  std::optional<VolumeCheck> check;  // the last one of this medium
  bool removable = false;            // as the device says, or a rule

  MountSource source;
  std::optional<LiveMount> mount;  // also of a dead driver, until it is detached
  bool placed_by_others = false;   // the last mount is at a place of mount(8)'s or udisks' choice
  uid_t mounted_for = 0;
  gid_t mounted_for_group = 0;
  std::string mounted_for_name;
  std::optional<DriverDeath> death;             // why the last mount ended, until the next succeeds
  std::string dead_driver;                      // which driver that was
  std::optional<UnmountEnd> last_unmount;       // until it is mounted again
  std::optional<UncontainedMount> uncontained;  // of a removable medium, by another program
};

}  // namespace airlock
