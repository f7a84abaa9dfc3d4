// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>

#include "contained/runtime/interruption.h"
#include "contained/runtime/outcome.h"
#include "contained/runtime/reader_token.h"

namespace airlock {

// A volume's lock for requests that take long: they hold it for some milliseconds at a time. A
// mutex is not fair: a thread that takes it again at once gets it, though others wait. So this
// counts the threads that wait, and lets them go first.
class Turns {
 public:
  explicit Turns(std::mutex& mutex) : mutex_(mutex) {}

  // Costs nothing more than the mutex where nobody holds it.
  std::unique_lock<std::mutex> take() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) return lock;
    ++waiting_;
    lock.lock();
    --waiting_;
    return lock;
  }

  // Between two turns, without the lock. EINTR if nobody waits for the answer any more.
  Outcome<void> let_others_go() const {
    ReaderToken::give();
    if (Interruption::requested()) return refuse(EINTR);
    for (int i = 0; i == 0 || (i < kMostMoments && waiting_ > 0); ++i)
      std::this_thread::sleep_for(kMoment);
    return {};
  }

 private:
  static constexpr std::chrono::microseconds kMoment{50};
  static constexpr int kMostMoments = 200;

  std::mutex& mutex_;
  std::atomic<unsigned> waiting_ = 0;
};

}  // namespace airlock
