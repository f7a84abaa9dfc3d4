// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <memory>

#include "daemon/loop/event_loop.h"

namespace airlock {

// Notices when there is nothing left to do. Code that has something to do holds a token; when the
// last one is given back and nobody takes one within the grace time, `on_idle` is called. It is
// started once everything is set up, so that a slow start does not count as idle.
class Idle {
 public:
  // Given back when destroyed. May outlive the Idle it came from.
  class Token {
   public:
    Token() = default;
    [[nodiscard]] bool held() const { return count_ != nullptr; }

   private:
    friend class Idle;
    explicit Token(std::shared_ptr<void> count) : count_(std::move(count)) {}
    std::shared_ptr<void> count_;
  };

  // A grace time of zero means never.
  Idle(EventLoop& loop, std::chrono::milliseconds grace, EventLoop::Callback on_idle);
  ~Idle();
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

  void start();
  [[nodiscard]] Token hold();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace airlock
