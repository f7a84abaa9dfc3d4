// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/write_order.h"

#include <algorithm>

#include "contained/runtime/gather_writer.h"

namespace airlock::ext {
namespace {

using Snapshot = MetadataCache::Snapshot;

class OrderedWriter {
 public:
  OrderedWriter(BlockIo& io, std::uint32_t block_size, const Batch& batch)
      : io_(io), writer_(io, block_size), batch_(batch), unflushed_(batch.refers_to_data) {}

  Outcome<void> write() {
    // Nothing leads to these yet.
    TRY_VOID(write_those([](const Snapshot& block) { return block.fresh; }));
    for (std::uint8_t rank = 0; rank < write_rank::kEnd; ++rank) {
      const auto belongs = [rank](const Snapshot& block) {
        return !block.fresh && block.rank == rank;
      };
      if (!std::ranges::any_of(batch_.changes.blocks, belongs)) continue;
      if (unflushed_ && waits(rank)) TRY_VOID(flush());
      TRY_VOID(write_those(belongs));
    }
    return flush();
  }

 private:
  // Names that only go away may do so at any time: their files are released later.
  [[nodiscard]] bool waits(std::uint8_t rank) const {
    return rank != write_rank::kNames || batch_.has_new_names;
  }

  template <typename Belongs>
  Outcome<void> write_those(Belongs belongs) {
    for (const Snapshot& block : batch_.changes.blocks) {
      if (!belongs(block)) continue;
      TRY_VOID(writer_.add(block.block, block.data));
      unflushed_ = true;
    }
    return writer_.finish();
  }

  Outcome<void> flush() {
    unflushed_ = false;
    return io_.flush();
  }

  BlockIo& io_;
  GatherWriter writer_;
  const Batch& batch_;
  bool unflushed_;
};

}  // namespace

Outcome<void> write_in_order(BlockIo& io, std::uint32_t block_size, const Batch& batch) {
  return OrderedWriter(io, block_size, batch).write();
}

void NameOrder::gained(std::uint64_t block, std::uint32_t inode) {
  blocks_.insert(block);
  inodes_.insert(inode);
}

void NameOrder::clear() {
  blocks_.clear();
  folders_.clear();
  inodes_.clear();
  grown_.clear();
  has_removals_ = false;
}

}  // namespace airlock::ext
