// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/held_file.h"
#include "daemon/mount/lifeline.h"
#include "daemon/system/mount_identity.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/check_record.h"

namespace airlock {

// What is mounted: a device node, or an image that somebody lent us.
struct MountSource {
  std::string path;  // "/dev/sdb1", or the image's path: for the kernel, the driver, messages
  dev_t device = 0;  // 0 for images
  std::uint64_t disk_sequence = 0;  // the mount fails if the device has another one by then
  std::shared_ptr<HeldFile> image;  // images only; opened by the caller, mode checked
};

// Precedes the name of an image in the mount table: its opener chose the name, which may be that of
// a device.
inline constexpr std::string_view kImagePrefix = "image:";

// The origin of a driver that Airlock itself started; otherwise it is a directory of sockets.
inline constexpr std::string_view kBuiltinOrigin = "builtin";

// All facts about a mount that can be copied, written down and read again.
struct MountFacts : MountIdentity {
  bool fuseblk = false;
  bool read_only = false;
  std::string read_only_reason;    // the driver's words; foreign text
  std::string subtype;             // "ext4"
  std::string driver;              // program, "airlock-ext", or the unit that answered
  std::string origin;              // "builtin", or the directory of the service socket
  pid_t driver_pid = 0;            // 0: not known (a foreign service that hides it)
  std::uint64_t driver_start = 0;  // field 22 of /proc/PID/stat: exposes a reused pid
  uid_t driver_user = 0;
  std::chrono::system_clock::time_point since;
};

// Visits every field of MountFacts once, under its name in records, so that records, reports and
// all others that walk the fields agree.
template <typename Facts, typename Visitor>
void each_fact(Facts& facts, Visitor&& visit) {
  visit("mount-point", facts.mount_point);
  visit("mount-id", facts.mount_id);
  visit("filesystem", facts.filesystem);
  visit("fuseblk", facts.fuseblk);
  visit("read-only", facts.read_only);
  visit("read-only-reason", facts.read_only_reason);
  visit("subtype", facts.subtype);
  visit("driver", facts.driver);
  visit("origin", facts.origin);
  visit("driver-pid", facts.driver_pid);
  visit("driver-start", facts.driver_start);
  visit("driver-user", facts.driver_user);
  visit("since", facts.since);
}

struct HealPlan;  // daemon/mounting/heal_errand.h

// An existing mount, with everything needed to watch it, undo it and find it again.
struct LiveMount : MountFacts {
  UniqueFd life;  // pidfd; invalid if the pid is not known
  UniqueFd log;   // read end of its standard error; invalid for services and after a restart
  // Of a mount whose driver can be replaced, until it is watched; not recorded.
  Lifeline lifeline;
  std::shared_ptr<const HealPlan> heal_plan;
  std::optional<CheckReply> check;  // the result of the check before the mount; not recorded
};

}  // namespace airlock
