// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// All callers that wait for the same outcome. Each is told exactly once.
template <typename T>
class Waiters {
 public:
  using Done = std::move_only_function<void(Result<T>)>;

  void add(Done done) {
    if (done) waiting_.push_back(std::move(done));
  }
  // A caller that is added meanwhile waits for the next outcome.
  void tell(const Result<T>& outcome) {
    for (Done& done : std::exchange(waiting_, {})) done(outcome);
  }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  std::vector<Done> waiting_;
};

}  // namespace airlock
