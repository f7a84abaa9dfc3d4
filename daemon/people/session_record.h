// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "daemon/people/user_file.h"

namespace airlock {

// One session as logind describes it. Missing properties, and those of an undocumented type, keep
// their default, which is the session that may do less.
struct SessionRecord {
  std::optional<uid_t> user;
  std::string user_path;  // of the object that describes the user
  std::string seat;       // empty: none, for example with ssh
  std::string purpose;    // logind's Class: "user", "greeter", ...
  std::string state;      // "active", "online", "closing"
  bool active = false;
  bool remote = true;
  bool locked = true;

  // Whether somebody sits there now: a person's own, local session in the foreground of a seat.
  [[nodiscard]] bool in_use() const;
  bool operator==(const SessionRecord&) const = default;
};

// Parses the answer to GetAll of org.freedesktop.login1.Session.
SessionRecord session_record(const std::map<std::string, sdbus::Variant>& properties);

// The account of `user`, from the answer to GetAll of org.freedesktop.login1.User. Missing facts,
// and the facts of another user, leave the account of an unknown user.
UserEntry account_of(uid_t user, const std::map<std::string, sdbus::Variant>& properties);

}  // namespace airlock
