// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>

namespace airlock {

// Keeps the block map of a file still while its data is read or written outside of the volume's
// lock: shared for that, exclusive for changing the map. Files share a fixed number of locks.
// Taken before the volume's lock, and one at a time.
class NodeLocks {
 public:
  std::shared_mutex& of(std::uint64_t node) { return locks_[node % locks_.size()]; }

 private:
  std::array<std::shared_mutex, 61> locks_;
};

}  // namespace airlock
