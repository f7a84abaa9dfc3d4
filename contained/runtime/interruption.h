// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>

namespace airlock {

// Whether nobody waits any more for the answer to the request that this thread works on. A driver
// asks between the turns of a long request, and then ends it with EINTR. The server of requests
// makes one for as long as it answers a request; without one no request is ever interrupted.
class Interruption {
 public:
  using Check = bool (*)(void* of);

  Interruption(Check check, void* of)
      : check_(check), of_(of), before_(std::exchange(current_, this)) {}
  ~Interruption() { current_ = before_; }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // Not with a lock that answering a request takes: the check may answer one.
  static bool requested() { return current_ != nullptr && current_->check_(current_->of_); }

 private:
  inline static constinit thread_local Interruption* current_ = nullptr;

  Check check_;
  void* of_;
  Interruption* before_;
};

}  // namespace airlock
