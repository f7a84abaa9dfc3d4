// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <semaphore.h>

#include <functional>
#include <utility>

namespace airlock {

// Which of the threads that answer reads the next request; the others sleep: a request would wake
// one of them in vain while the last reader is still awake. (On a single core nobody is awake when
// a request comes, and as many lead as there are.) Its thread keeps it while it answers, and gives
// it away before it waits for anything but the file system's lock, so that requests that don't have
// to wait are answered meanwhile.
class Lead {
 public:
  // For so many threads at a time. `find_taker` comes before every giving away.
  explicit Lead(
      unsigned leaders = 1, std::move_only_function<void()> find_taker = [] {})
      : find_taker_(std::move(find_taker)) {
    (void)::sem_init(&free_, 0, leaders);
  }
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() {
    if (is_held()) held_ = nullptr;
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
    Lead* lead = std::exchange(held_, nullptr);
    if (lead == nullptr) return;
    lead->find_taker_();
    (void)::sem_post(&lead->free_);
  }

 private:
  inline static constinit thread_local Lead* held_ = nullptr;
  std::move_only_function<void()> find_taker_;
  sem_t free_;
};

}  // namespace airlock
