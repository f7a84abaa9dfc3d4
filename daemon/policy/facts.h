// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/devices/device.h"
#include "lib/protocol/probe_record.h"

namespace airlock {

// The caller who asks. An automatic mount has none.
struct CallerFacts {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;                // login name, checked: safe in a path. Empty: not known
  bool in_active_session = false;  // local, active session at `seat`
  std::string seat;
};

// The session to which a medium belongs, by the seat that it is plugged into.
struct SessionFacts {
  uid_t user = 0;
  gid_t group = 0;
  std::string user_name;
  bool active = false;  // there is a local active session of class "user" at the medium's seat
  bool locked = false;
};

// A caller's options: `rw ro noexec exec nosuid allow_other owner=media ...`, split at commas. The
// policy allows only listed options; it refuses any other by name.
struct RequestFacts {
  bool automatic = false;
  std::optional<CallerFacts> caller;  // empty exactly when automatic
  std::vector<std::string> options;
  std::optional<std::string> type;  // the caller insists on this type
};

// Everything a decision may depend on. Unknown facts keep their default, which gives the narrower
// answer.
struct Facts {
  std::optional<Device> device;      // empty: an image file
  std::string image_name;            // its name as the caller gave it; foreign text
  std::optional<uid_t> image_owner;  // the user who opened it
  std::optional<ProbeRecord> probe;  // empty: not probed yet
  SessionFacts session;
  RequestFacts request;
  bool kernel_has_fuseblk = false;
  // What has to be installed before the driver for its type can start, as a sentence.
  std::string missing_program;
  int zone_minutes = 0;  // how far local time is ahead of UTC
};

}  // namespace airlock
