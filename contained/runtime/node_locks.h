// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "contained/runtime/reader_token.h"

namespace airlock {

// Keeps the block map of a file still while its data is read or written outside of the volume's
// lock: shared for that, exclusive for changing the map. Files share a fixed number of locks.
// Taken before the volume's lock, and one at a time.
class NodeLocks {
 public:
  std::shared_lock<std::shared_mutex> keep_still(std::uint64_t node) {
    return locked<std::shared_lock<std::shared_mutex>>(node);
  }
  std::unique_lock<std::shared_mutex> change(std::uint64_t node) {
    return locked<std::unique_lock<std::shared_mutex>>(node);
  }

 private:
  template <typename Lock>
  Lock locked(std::uint64_t node) {
    Lock lock(locks_[node % locks_.size()], std::try_to_lock);
    if (lock.owns_lock()) return lock;
    ReaderToken::give();  // until the medium has answered
    lock.lock();
    return lock;
  }

  std::array<std::shared_mutex, 61> locks_;
};

}  // namespace airlock
