// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <semaphore.h>

#include <utility>

namespace airlock {

// Which of the threads that answer reads the next request; the others sleep: a request would wake
// one of them in vain while the last reader is still awake. Its thread keeps it while it answers,
// and gives it away before it waits for anything but the file system's lock, so that requests that
// don't have to wait are answered meanwhile.
class Lead {
 public:
  Lead() { (void)::sem_init(&free_, 0, 1); }
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() {
    if (is_held()) give();
    (void)::sem_destroy(&free_);
  }

  // False if a signal came first, which a mutex would not tell.
  bool take() {
    if (::sem_wait(&free_) != 0) return false;
    held_ = this;
    return true;
  }
  [[nodiscard]] bool is_held() const { return held_ == this; }
  // Whichever this thread holds, if any.
  static void give() {
    if (Lead* lead = std::exchange(held_, nullptr); lead != nullptr) (void)::sem_post(&lead->free_);
  }

 private:
  inline static constinit thread_local Lead* held_ = nullptr;
  sem_t free_;
};

}  // namespace airlock
