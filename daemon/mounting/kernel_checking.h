// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <memory>

#include "daemon/check/checker_run.h"
#include "daemon/loop/errand_queue.h"
#include "daemon/loop/event_loop.h"
#include "daemon/mounting/checking.h"

namespace airlock {

// The real Checking: each operation is an errand that runs airlock-check and the distribution's
// checkers. Must outlive the operations it hands out.
class KernelChecking final : public Checking {
 public:
  struct Options {
    CheckerPlaces places;
    std::chrono::milliseconds deadline{900'000};
    std::size_t at_once = 4;
  };

  KernelChecking(EventLoop& loop, Options options);
  std::unique_ptr<PendingOperation> check(const MountSource& source, const CheckRequest& request,
                                          Progress progress, Done done) override;

 private:
  class Task;

  EventLoop& loop_;
  Options options_;
  ErrandQueue queue_;
};

}  // namespace airlock
