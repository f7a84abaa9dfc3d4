// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "daemon/people/user_file.h"
#include "daemon/policy/facts.h"
#include "lib/base/error.h"

namespace airlock {

// Who sits at which seat, as logind tells. Kept up to date by signals; asking never waits.
class Sessions {
 public:
  virtual ~Sessions() = default;
  // The active session at the seat; default SessionFacts if there is none or logind is absent.
  [[nodiscard]] virtual SessionFacts at_seat(const std::string& seat) const = 0;
  // Whether the user has an active local session, and at which seat (first match).
  [[nodiscard]] virtual bool is_active(uid_t user, std::string* seat) const = 0;
  // Name and group of a user: as /etc/passwd says or, for those it does not name, as logind says of
  // somebody who is logged in.
  [[nodiscard]] virtual UserEntry account(uid_t user) const = 0;
  // Called after anything changed.
  virtual void on_change(std::move_only_function<void()> callback) = 0;
};

}  // namespace airlock
