// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace airlock::fat {

class Volume;

// Counts the free clusters of a volume that does not store their number, in the background and only
// on request. It reads the medium outside the volume's lock, so nothing waits for that; it holds
// the lock to interpret a piece of the map.
class SpaceCounter {
 public:
  explicit SpaceCounter(Volume& volume) : volume_(volume) {}
  ~SpaceCounter() { stop(); }
  SpaceCounter(const SpaceCounter&) = delete;
  SpaceCounter& operator=(const SpaceCounter&) = delete;

  // Begins unless already begun, and waits that long for the end. Without the volume's lock.
  void count(std::chrono::milliseconds patience);
  // Stops counting for good. Without the volume's lock.
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
