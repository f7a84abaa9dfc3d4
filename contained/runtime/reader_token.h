// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <semaphore.h>

#include <functional>
#include <utility>

namespace airlock {

// The thread that holds it reads the next request. The other threads sleep: a request would wake
// one of them in vain while the last reader is still awake. (On a single core no thread is awake
// when a request comes, so every thread holds one.) The reader keeps the token while it answers,
// and gives it away before it waits for anything but the file system's lock. Another thread then
// answers what doesn't have to wait.
class ReaderToken {
 public:
  // For so many threads at a time. `find_taker` comes before every giving away.
  explicit ReaderToken(
      unsigned readers = 1, std::move_only_function<void()> find_taker = [] {})
      : find_taker_(std::move(find_taker)) {
    (void)::sem_init(&free_, 0, readers);
  }
  ReaderToken(const ReaderToken&) = delete;
  ReaderToken& operator=(const ReaderToken&) = delete;
  ~ReaderToken() {
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
    ReaderToken* token = std::exchange(held_, nullptr);
    if (token == nullptr) return;
    token->find_taker_();
    (void)::sem_post(&token->free_);
  }

 private:
  inline static constinit thread_local ReaderToken* held_ = nullptr;
  std::move_only_function<void()> find_taker_;
  sem_t free_;
};

}  // namespace airlock
