// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>

namespace airlock::ext {

// Counts the blocks that a request looks at while it walks through one inode. A medium may claim
// more than it holds: a few blocks that lead to each other are a file of 16 TiB. So the walk is
// done in turns, between which others have the volume's lock, and ends where it has cost more than
// the blocks of the inode justify.
class Work {
 public:
  // Some milliseconds, most of which go into reading what is in the blocks.
  static constexpr std::uint64_t kTurnBytes = std::uint64_t{4} << 20;
  // The most for a walk that cannot let others have the lock.
  static constexpr std::uint64_t kMostBytesAtOnce = 2 * kTurnBytes;

  // `own_blocks` is what the inode says it has, `volume_blocks` what there is.
  Work(std::uint32_t block_size, std::uint64_t own_blocks, std::uint64_t volume_blocks)
      : block_size_(block_size),
        most_(kPerBlock * std::min(own_blocks, volume_blocks) + kSlackBytes / block_size) {}

  void add(std::uint64_t blocks) { done_ += blocks; }
  [[nodiscard]] bool turn_is_over() const { return (done_ - before_) * block_size_ >= kTurnBytes; }
  void begin_turn() { before_ = done_; }
  [[nodiscard]] bool is_justified() const { return done_ <= most_; }
  [[nodiscard]] bool fits_at_once() const { return done_ * block_size_ <= kMostBytesAtOnce; }

 private:
  // The way to each run of a fragmented map is walked several times, and so is a directory without
  // a usable index that is listed sorted.
  static constexpr std::uint64_t kPerBlock = 16;
  // A wrong count of blocks alone makes no file unreadable that costs less.
  static constexpr std::uint64_t kSlackBytes = std::uint64_t{256} << 20;

  std::uint64_t block_size_;
  std::uint64_t most_;
  std::uint64_t done_ = 0;
  std::uint64_t before_ = 0;
};

}  // namespace airlock::ext
