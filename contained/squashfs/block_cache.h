// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "contained/runtime/outcome.h"

namespace airlock::squashfs {

// Decompressed bytes of the medium. They never change; whoever holds the pointer may read them,
// also after the cache has dropped the block.
struct Block {
  std::unique_ptr<std::byte[]> memory;
  std::size_t size = 0;
  std::uint64_t next = 0;  // of metadata: where the next block begins on the medium

  [[nodiscard]] std::span<const std::byte> bytes() const { return {memory.get(), size}; }
};
using SharedBlock = std::shared_ptr<const Block>;

// Blocks by their place on the medium, used last first, up to a number of bytes. Several threads
// use it: its lock is not held while a block is made, and a block that two of them need is made
// once.
class BlockCache {
 public:
  explicit BlockCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // The block that is kept, or that another thread is making, or else what make() brings.
  Outcome<SharedBlock> get(std::uint64_t place, const std::function<Outcome<Block>()>& make) const;
  // Only a block that is there already, or nothing.
  [[nodiscard]] SharedBlock kept(std::uint64_t place) const;

 private:
  struct Slot {
    SharedBlock block;  // none while somebody makes it
    std::list<std::uint64_t>::iterator position;
  };
  SharedBlock use(Slot& slot) const;
  void keep(std::uint64_t place, const SharedBlock& block) const;

  std::size_t most_bytes_;
  mutable std::mutex mutex_;
  mutable std::condition_variable made_;
  mutable std::unordered_map<std::uint64_t, Slot> slots_;
  mutable std::list<std::uint64_t> recency_;  // front: used last; only blocks that are there
  mutable std::size_t bytes_ = 0;
};

}  // namespace airlock::squashfs
