// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// A question to polkit that has no answer yet. Destroying it cancels the question; then its
// callback is not called.
class PendingQuestion {
 public:
  virtual ~PendingQuestion() = default;
};

enum class Interaction { kAllowed, kNotAllowed };  // may polkit ask the person for a password?

// Answers whether a caller may do something. No answer means no.
class Authority {
 public:
  struct Question {
    std::string sender;                          // unique bus name of the caller
    std::string action;                          // "org.airlock1.mount-removable"
    std::map<std::string, std::string> details;  // "device", "drive.vendor", "volume.label", ...
    Interaction interaction = Interaction::kNotAllowed;
  };
  // Success: allowed. Errc::kNotPermitted: refused, dismissed, or not answered within the deadline
  // (two minutes with interaction, ten seconds without); the message says which.
  using Answer = std::move_only_function<void(Result<void>)>;

  virtual ~Authority() = default;
  virtual std::unique_ptr<PendingQuestion> ask(Question question, Answer answer) = 0;
};

}  // namespace airlock
