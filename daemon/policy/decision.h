// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/api/held_file.h"
#include "lib/base/error.h"

namespace airlock {

// Not ours to touch; shown by `airlockctl list --all` with the reason.
struct IgnoreDecision {};
// Not now: there is no session, or it is locked. Decided again when that changes.
struct WaitDecision {};
// Shown and mountable, but only mounted on request (automount off or ask, or a medium without a
// filesystem that we serve).
struct OnDemandDecision {
  bool ask = false;  // automount = "ask": it could be mounted now, and a person should be asked
};
struct RefuseDecision {
  Errc code = Errc::kNotPermitted;
};
// The check that is needed before it may be mounted read-write.
enum class CheckFirst { kNo, kGlance, kFull };
// How to mount it, in every detail.
struct MountDecision {
  std::string subtype;  // "ext4": the type that the driver is asked to serve
  std::string driver;   // the row of the driver table that serves it: "ext"
  uid_t user = 0;       // the owner of the mount
  gid_t group = 0;
  std::string user_name;
  bool read_only = false;
  std::string read_only_reason;  // for people; empty if the caller asked for it, or if it writes
  CheckFirst check = CheckFirst::kNo;
  bool allow_exec = false;  // nosuid and nodev are always set
  bool allow_other = false;
  bool fuseblk = false;
  bool heal = true;                         // replace its driver if that dies and can be replaced
  std::vector<std::string> driver_options;  // "owner=media", ...: options for the driver
  std::string folder_name;  // desired name of the mount point, already safe as one path component
  std::shared_ptr<HeldFile> place;   // a folder of the caller's, used instead
  std::vector<std::string> actions;  // polkit actions that the caller needs; empty: none
};

// The answer of decide(). `reason` is one sentence for people. `rule` says where it comes from:
// "built-in", or `/etc/airlock/airlock.toml:12 "my camera"`.
struct Decision {
  std::variant<IgnoreDecision, WaitDecision, OnDemandDecision, RefuseDecision, MountDecision> what;
  std::string reason;
  std::string rule = "built-in";
};

}  // namespace airlock
