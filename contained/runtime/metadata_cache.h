// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "contained/runtime/block_io.h"

namespace airlock {

// The metadata blocks of a volume in memory: read once, changed in place, written back together.
// File data never passes through here. Not thread-safe: the volume's lock guards it.
//
// Memory of a block stays where it is until the end of the operation that asked for it, because
// blocks are only dropped in end_operation(). Changed blocks stay until they have been written:
// take_changed() copies them out for one commit, and until written() says that they are home they
// are not dropped, so nobody can read an old version back.
class MetadataCache {
 public:
  struct Snapshot {
    std::uint64_t block = 0;
    bool fresh = false;               // was never on the medium in this role
    std::uint8_t rank = 0;            // as given to changed()
    std::span<const std::byte> data;  // in `memory`
  };
  struct Changes {
    std::vector<Snapshot> blocks;  // ascending
    std::vector<std::unique_ptr<std::byte[]>> memory;
  };

  // The first block begins at `origin` of the medium.
  MetadataCache(BlockIo& io, std::uint32_t block_size, std::uint64_t block_count,
                std::size_t capacity, std::uint64_t origin = 0);

  [[nodiscard]] std::uint32_t block_size() const { return block_size_; }
  [[nodiscard]] std::uint64_t origin() const { return origin_; }

  // The content of a block. On a miss up to `ahead` blocks are read in one go.
  Outcome<std::span<std::byte>> read(std::uint64_t block, std::uint32_t ahead = 1);
  // A block whose old content does not matter: zeroes, changed.
  Outcome<std::span<std::byte>> fresh(std::uint64_t block);
  // Somebody wrote zeroes there past the cache.
  void zeroed(std::uint64_t block);
  // The content was changed and must be written. The rank is for an owner who writes in an order;
  // of several until it is taken the highest counts.
  void changed(std::uint64_t block, std::uint8_t rank = 0);
  // Since the last take_changed(); 0 and false of what has not changed.
  [[nodiscard]] std::uint8_t rank(std::uint64_t block) const;
  [[nodiscard]] bool is_fresh(std::uint64_t block) const;
  // The block is not metadata any more; what was to be written of it is dropped.
  void forget(std::uint64_t block);

  // 64 marks per block for whoever checks checksums: set by the user, cleared when it is read.
  std::uint64_t& marks(std::uint64_t block);

  [[nodiscard]] std::size_t changed_count() const { return changed_count_; }
  // Copies all changed blocks; they count as unchanged from here on.
  Changes take_changed();
  void written(const Changes& changes);

  // Drops the least recently used clean blocks above the capacity.
  void end_operation();
  // Drops all clean blocks.
  void drop_clean();

 private:
  struct Slot {
    std::unique_ptr<std::byte[]> data;
    std::list<std::uint64_t>::iterator position;
    std::uint64_t marks = 0;
    std::uint32_t writing = 0;  // commits under way that hold a copy
    bool changed = false;
    bool fresh = false;
    std::uint8_t rank = 0;
  };
  using Slots = std::unordered_map<std::uint64_t, Slot>;

  Outcome<Slots::iterator> load(std::uint64_t block, std::uint32_t ahead);
  Slots::iterator insert(std::uint64_t block);
  std::unique_ptr<std::byte[]> take_memory();
  void drop(Slots::iterator slot);
  [[nodiscard]] std::span<std::byte> bytes(Slot& slot) const {
    return {slot.data.get(), block_size_};
  }

  BlockIo& io_;
  std::uint32_t block_size_;
  std::uint64_t block_count_;
  std::size_t capacity_;
  std::uint64_t origin_;
  Slots slots_;
  std::list<std::uint64_t> recency_;  // front: used last
  std::size_t changed_count_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> spare_;
  // The last slot asked for: most operations touch one block several times.
  std::uint64_t last_block_ = ~std::uint64_t{0};
  Slot* last_slot_ = nullptr;
  std::uint64_t no_marks_ = 0;  // of a block that is not here
};

}  // namespace airlock
