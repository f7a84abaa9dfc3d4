// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/loop/event_loop.h"

namespace airlock {

// Destroys finished objects that may still be running in the next round of the loop: an operation
// whose callback we are in, or a machine that has made its last call. Objects that must not call
// back any more are destroyed at once instead.
class DeferredDelete {
 public:
  explicit DeferredDelete(EventLoop& loop) : loop_(loop) {}

  template <typename T>
  void add(std::unique_ptr<T> thing) {
    if (!thing) return;
    things_.push_back(std::shared_ptr<void>(std::move(thing)));
    if (soon_.active()) return;
    if (auto soon = loop_.soon([this] { clear(); })) soon_ = std::move(*soon);
  }
  [[nodiscard]] std::size_t size() const { return things_.size(); }

 private:
  void clear() {
    soon_.reset();
    const auto last = std::exchange(things_, {});
  }

  EventLoop& loop_;
  std::vector<std::shared_ptr<void>> things_;
  EventSource soon_;
};

}  // namespace airlock
