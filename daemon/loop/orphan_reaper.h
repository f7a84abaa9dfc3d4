// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"

namespace airlock {

struct OrphanReaperOptions {
  // How long an ended child is left to its owner, who waits for it by pidfd.
  std::chrono::milliseconds patience{5'000};
};

// Makes this process the parent of orphans below it (a driver whose errand is gone) and reaps ended
// children that nobody else reaps. Sleeps until a child ends; a timer runs only while one is not
// reaped. All pending events of owners are served first, so a daemon that was stopped or slow does
// not take their children away. One per process, for as long as the loop runs.
class OrphanReaper {
 public:
  static Result<OrphanReaper> start(EventLoop& loop, OrphanReaperOptions options = {});
  OrphanReaper(OrphanReaper&&) noexcept;
  OrphanReaper& operator=(OrphanReaper&&) noexcept;
  ~OrphanReaper();

  [[nodiscard]] std::uint64_t reaped() const;
  [[nodiscard]] bool waiting() const;  // there is an ended child that nobody has reaped yet

 private:
  struct State;
  explicit OrphanReaper(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace airlock
