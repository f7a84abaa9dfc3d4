// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "contained/runtime/block_io.h"

namespace airlock {

// A medium that nobody writes while it is mounted. It can only be read, by any thread and without a
// lock: whatever was read once stays true. Short reads are answered from pages kept in memory,
// because a driver asks for a few bytes of the same directory again and again. The lock in here
// guards those pages; it is never held while the medium is read.
class MediumReader {
 public:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::size_t kPages = 256;

  explicit MediumReader(BlockIo& medium);

  [[nodiscard]] std::uint64_t size() const { return medium_.size(); }
  // All of it, or EIO: also for what lies behind the end of the medium.
  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) const;
  // The same for a record whose length is not known yet: fewer bytes where the medium ends.
  Outcome<std::vector<std::byte>> read_up_to(std::uint64_t offset, std::size_t most) const;

 private:
  Outcome<void> read_within(std::uint64_t page, std::size_t at, std::span<std::byte> into) const;
  bool copy_kept(std::uint64_t page, std::size_t at, std::span<std::byte> into) const;
  void keep(std::uint64_t page, std::span<const std::byte> bytes) const;

  BlockIo& medium_;
  mutable std::mutex mutex_;
  // Page p is at p % kPages, if numbers_ says so there.
  mutable std::vector<std::uint64_t> numbers_;
  mutable std::vector<std::byte> bytes_;
};

}  // namespace airlock
