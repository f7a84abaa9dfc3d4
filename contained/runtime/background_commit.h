// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace airlock {

// Has the changes of a volume written in the background: a few seconds after the first of them, or
// at once when much has gathered.
class BackgroundCommit {
 public:
  // What the volume's changes are made under.
  explicit BackgroundCommit(std::mutex& mutex) : mutex_(mutex) {}
  ~BackgroundCommit() { stop(); }
  BackgroundCommit(const BackgroundCommit&) = delete;
  BackgroundCommit& operator=(const BackgroundCommit&) = delete;

  // Once. `commit` is called without the lock, and not again after it has answered false.
  void start(std::function<bool()> commit);
  // Waits for a commit that has begun. Without the lock.
  void stop();

  // With the lock held, after a change: how much there is to write by now.
  void gathered(std::size_t bytes);
  // With the lock held: there is something to write that did not gather.
  void soon();
  // With the lock held: what has gathered so far has been taken by a commit.
  void taken() { due_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;
  void work(const std::function<bool()>& commit);

  std::mutex& mutex_;
  std::condition_variable wake_;
  std::optional<Clock::time_point> due_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace airlock
