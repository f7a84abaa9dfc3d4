// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/policy/facts.h"
#include "lib/base/error.h"

namespace airlock {

// The identity behind a bus name: asked from the bus once per name, asynchronously, and remembered
// until the name goes away. User names come from /etc/passwd and logind, never from the name
// service, which could block.
class Callers {
 public:
  using Found = std::move_only_function<void(Result<CallerFacts>)>;

  virtual ~Callers() = default;
  // May call `found` at once if the name is known.
  virtual void look_up(const std::string& sender, Found found) = 0;
  // Called when a bus name that was looked up has gone.
  virtual void on_gone(std::move_only_function<void(const std::string& sender)> callback) = 0;
};

}  // namespace airlock
