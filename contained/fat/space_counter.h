// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace airlock::fat {

class Volume;

// Counts the free clusters of a volume that does not say how many there are, in the background and
// only when somebody asks. The medium is read outside of the volume's lock, so nobody waits for
// that; the lock is held for what a piece of the map means.
class SpaceCounter {
 public:
  explicit SpaceCounter(Volume& volume) : volume_(volume) {}
  ~SpaceCounter() { stop(); }
  SpaceCounter(const SpaceCounter&) = delete;
  SpaceCounter& operator=(const SpaceCounter&) = delete;

  // Begins if nobody has, and waits so long for the end. Without the volume's lock.
  void count(std::chrono::milliseconds patience);
  // Gives up what is not counted yet; nobody can begin again. Without the volume's lock.
  void stop();

 private:
  bool begin();
  void work();
  bool count_some(std::uint32_t& segment);
  bool is_stopping();

  Volume& volume_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool ended_ = false;
  std::thread worker_;
};

}  // namespace airlock::fat
