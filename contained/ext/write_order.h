// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "contained/ext/allocator.h"
#include "contained/runtime/block_io.h"
#include "contained/runtime/metadata_cache.h"

// The replacement of the journal on a volume without one: it writes the blocks of a batch in an
// order in which no existing file or block is ever unreachable. write_order.md says what each power
// cut leaves.
namespace airlock::ext {

// When a changed block is written: everything of a lower rank is on the medium before.
namespace write_rank {
inline constexpr std::uint8_t kOrdinary = 0;  // inodes, bitmaps, descriptors, most of a map
// e2fsck removes an extent that lies before the key above it, but corrects a key before the first
// extent below it. So a key that goes up is written after the blocks below it, from the leaves on,
inline constexpr unsigned kMostLevels = 5;
constexpr std::uint8_t raised_key(unsigned levels) {
  return static_cast<std::uint8_t>(1 + std::min(levels, kMostLevels));
}
// and the blocks below a key that goes down are written after it, from the root on.
constexpr std::uint8_t under_lowered_key(unsigned levels) {
  return static_cast<std::uint8_t>(2 + 2 * kMostLevels - std::min(levels, kMostLevels));
}
inline constexpr std::uint8_t kNames = under_lowered_key(0) + 1;
// Directory blocks that lost a name whose file has another one in this batch.
inline constexpr std::uint8_t kLostNames = kNames + 1;
inline constexpr std::uint8_t kEnd = kLostNames + 1;
}  // namespace write_rank

// A set of changes that must be on the medium before the next one begins.
struct Batch {
  MetadataCache::Changes changes;
  Allocator::Freed freed;
  std::vector<std::uint64_t> to_zero;  // freed blocks with data that a file lost by truncation
  bool refers_to_data = false;         // to data written since the batch before
  bool has_new_names = false;
};

// Writes a batch to its place and returns when all of it is durable.
Outcome<void> write_in_order(BlockIo& io, std::uint32_t block_size, const Batch& batch);

// Which directory blocks of the gathering batch got names, so that a file that moves has its new
// name on the medium before the old one is gone. Knows only numbers of blocks and inodes.
class NameOrder {
 public:
  // The block got one more name of a file that had one before, by a rename or a link.
  void gained(std::uint64_t block, std::uint32_t inode);
  // The block got the name of a folder, which may soon get names of files.
  void gained_folder(std::uint64_t block) { folders_.insert(block); }
  // A directory got a block, perhaps with names from other blocks, which a crash may leave in both
  // places. That is harmless while they are the same names: none of them may go in the same batch.
  void grown(std::uint32_t directory) { grown_.insert(directory); }
  [[nodiscard]] bool has_grown(std::uint32_t directory) const { return grown_.contains(directory); }
  void removed_name() { has_removals_ = true; }
  [[nodiscard]] bool has_removals() const { return has_removals_; }
  // Whether a file got another name in this batch.
  [[nodiscard]] bool has_new_name(std::uint32_t inode) const { return inodes_.contains(inode); }
  [[nodiscard]] bool empty() const { return blocks_.empty() && folders_.empty(); }
  // Whether other blocks must not lose a name before this block is on the medium.
  [[nodiscard]] bool is_waited_for(std::uint64_t block) const {
    return blocks_.contains(block) || folders_.contains(block);
  }
  void clear();

 private:
  std::unordered_set<std::uint64_t> blocks_;
  std::unordered_set<std::uint64_t> folders_;
  std::unordered_set<std::uint32_t> inodes_;
  std::unordered_set<std::uint32_t> grown_;
  bool has_removals_ = false;
};

}  // namespace airlock::ext
