// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

#include "daemon/people/user_file.h"
#include "daemon/policy/facts.h"
#include "lib/base/error.h"

namespace airlock {

// The sessions at each seat, as reported by logind. Signals keep this up to date; queries never
// wait.
class Sessions {
 public:
  virtual ~Sessions() = default;
  // The active session at the seat; default SessionFacts if there is none or logind is absent.
  [[nodiscard]] virtual SessionFacts at_seat(const std::string& seat) const = 0;
  // Whether the user has an active local session, and at which seat (first match).
  [[nodiscard]] virtual bool is_active(uid_t user, std::string* seat) const = 0;
  // Name and group of a user: from /etc/passwd or, if the user is not there, from logind if they
  // are logged in.
  [[nodiscard]] virtual UserEntry account(uid_t user) const = 0;
  // Called after anything changed.
  virtual void on_change(std::move_only_function<void()> callback) = 0;
};

}  // namespace airlock
