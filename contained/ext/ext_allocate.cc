// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "contained/ext/ext_driver.h"

// Changing what a file occupies without writing to it: truncate, preallocate, punch, zero.
namespace airlock::ext {
namespace {

constexpr std::uint64_t kEverything = ~std::uint32_t{0};
// So much of a deleted file comes free in one operation: 1 GiB with blocks of 4 KiB.
constexpr std::uint64_t kMostBlocksAtOnce = std::uint64_t{1} << 18;
// More than a map ever needs for taking one block out and putting another in.
constexpr std::uint64_t kSpareForMap = 16;

}  // namespace

Outcome<void> ExtDriver::truncate(NodeId node, std::uint64_t size) {
  const auto file = locks_.change(number_of(node));
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, changeable(node));
  if (!inode.is_file()) return refuse(inode.is_directory() ? EISDIR : EINVAL);
  if (size > largest_file(inode)) return refuse(EFBIG);
  if (inode.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_file(inode));
  if (size < inode.size()) {
    TRY_VOID(shrink(inode, size));
  } else if (size > inode.size()) {
    TRY_VOID(zero_range(inode, inode.size(), size));
  }
  inode.set_size(size);
  if (size > INT32_MAX) volume_.require_feature_large_file();
  touch(inode, /*modified=*/true);
  volume_.inode_changed(inode);
  return {};
}

// Gives back what lies behind the size, and leaves zeroes behind it in the last block: other
// drivers count on them.
Outcome<void> ExtDriver::shrink(const Inode& inode, std::uint64_t size) {
  if (inode.has_flag(EXT4_INLINE_DATA_FL)) return {};
  const std::uint64_t block_size = volume_.block_size();
  InodeBlocks blocks(volume_, inode);
  Outcome<void> done;
  if (size % block_size != 0) done = replace_tail(blocks, size);
  if (done) done = blocks.map().remove((size + block_size - 1) / block_size, kEverything);
  volume_.inode_changed(inode);
  return done;
}

// Gives back a part of a very large file that is to be deleted. False where the rest fits into one
// operation, as all of most files does. The file has to be known as deleted on the medium: should
// the power go, the next mount or e2fsck gives back what is left of it.
Outcome<bool> ExtDriver::shed(const Inode& inode) {
  if (!inode.is_file() || inode.has_flag(EXT4_INLINE_DATA_FL)) return false;
  InodeBlocks blocks(volume_, inode);
  Work work = InodeBlocks::work_for(volume_, inode);
  for (std::uint64_t at = kMostBlocksAtOnce; at < kEverything;) {
    TRY(const Run run, blocks.map().find(at, kEverything - at));
    if (run.count == 0) return refuse(EUCLEAN);
    if (run.state != RunState::kHole) {
      auto removed = blocks.map().remove(at, kMostBlocksAtOnce);
      volume_.inode_changed(inode);
      return removed ? Outcome<bool>(true) : std::unexpected(removed.error());
    }
    at += run.count;
    work.add(blocks.take_visits());
    if (!work.is_justified()) return refuse(EUCLEAN);
  }
  return false;
}

// The last block is copied with zeroes behind the size instead of being changed in place, so that
// after a crash before the next commit the file is what it was. On a full medium in place. What was
// cut off leaves the medium either way.
Outcome<void> ExtDriver::replace_tail(InodeBlocks& blocks, std::uint64_t size) {
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t logical = size / block_size;
  TRY(const Run run, blocks.map().find(logical, 1));
  if (run.state != RunState::kWritten) return {};
  std::vector<std::byte> content(block_size);
  TRY_VOID(volume_.io().read(run.physical * block_size, content));
  const auto tail = std::span(content).subspan(size % block_size);
  if (std::ranges::all_of(tail, [](std::byte b) { return b == std::byte{0}; })) return {};
  std::ranges::fill(tail, std::byte{0});
  // The old block has to be out of the map before the copy is in it, and then nothing may fail.
  const bool plenty = volume_.allocator().available_block_count() > kSpareForMap;
  const Outcome<BlockRange> copy =
      plenty ? volume_.allocator().reserve_blocks(run.physical, 1) : refuse(ENOSPC);
  if (!copy) return volume_.io().write(run.physical * block_size + size % block_size, tail);
  if (auto written = volume_.io().write(copy->start * block_size, content); !written) {
    volume_.allocator().cancel_reserved(*copy);
    return written;
  }
  if (auto removed = blocks.map().remove(logical, 1); !removed) {
    volume_.allocator().cancel_reserved(*copy);
    return removed;
  }
  volume_.zero_when_free(run.physical);
  return adopt_segments(
      blocks,
      {{.logical = logical, .physical = copy->start, .count = 1, .kind = Segment::Kind::kNew}});
}

Outcome<void> ExtDriver::allocate(NodeId node, int mode, std::uint64_t offset,
                                  std::uint64_t length) {
  constexpr int kKnown = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  if ((mode & ~kKnown) != 0) return refuse(EOPNOTSUPP);
  if (length == 0) return refuse(EINVAL);
  const std::uint64_t end = offset + length;
  if (end < offset) return refuse(EFBIG);
  return with_space([&]() -> Outcome<void> {
    const auto file = locks_.change(number_of(node));
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, changeable(node));
    if (!inode.is_file()) return refuse(inode.is_directory() ? EISDIR : ENODEV);
    if (inode.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_file(inode));
    const bool punches = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    if (!inode.has_flag(EXT4_EXTENTS_FL) && !punches) return refuse(EOPNOTSUPP);
    if (end > largest_file(inode) && !punches) return refuse(EFBIG);
    const bool grows = (mode & FALLOC_FL_KEEP_SIZE) == 0 && end > inode.size();
    if (grows) TRY_VOID(zero_range(inode, inode.size(), end));
    Outcome<void> done;
    if (punches) {
      done = punch(inode, offset, std::min(end, inode.size()));
    } else if ((mode & FALLOC_FL_ZERO_RANGE) != 0) {
      done = zero(inode, offset, end);
    } else {
      done =
          preallocate(inode, offset / volume_.block_size(), (end - 1) / volume_.block_size() + 1);
    }
    if (done && grows) inode.set_size(end);
    if (inode.size() > INT32_MAX) volume_.require_feature_large_file();
    touch(inode, /*modified=*/punches || grows || (mode & FALLOC_FL_ZERO_RANGE) != 0);
    volume_.inode_changed(inode);
    return done;
  });
}

Outcome<void> ExtDriver::punch(const Inode& inode, std::uint64_t offset, std::uint64_t end) {
  if (offset >= end) return {};
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t first = (offset + block_size - 1) / block_size;
  // A last block that ends behind the end of the file goes as a whole.
  const std::uint64_t last =
      end == inode.size() ? (end + block_size - 1) / block_size : end / block_size;
  TRY_VOID(zero_range(inode, offset, end));
  if (last >= first && last * block_size < end) TRY_VOID(zero_head(inode, last, end % block_size));
  if (first >= last) return {};
  InodeBlocks blocks(volume_, inode);
  return blocks.map().remove(first, last - first);
}

// The first `count` bytes of a block.
Outcome<void> ExtDriver::zero_head(const Inode& inode, std::uint64_t logical, std::uint64_t count) {
  InodeBlocks blocks(volume_, inode);
  TRY(const Run run, blocks.map().find(logical, 1));
  if (run.state != RunState::kWritten) return {};
  const std::vector<std::byte> zeroes(count);
  return volume_.io().write(run.physical * volume_.block_size(), zeroes);
}

// Unwritten blocks where there are holes; they read as zeroes until they are written.
Outcome<void> ExtDriver::preallocate(const Inode& inode, std::uint64_t first, std::uint64_t end) {
  InodeBlocks blocks(volume_, inode);
  std::uint64_t goal = blocks.goal();
  for (std::uint64_t at = first; at < end;) {
    TRY(const Run run, blocks.map().find(at, end - at));
    if (run.count == 0) return refuse(EUCLEAN);
    if (run.state != RunState::kHole) {
      at += run.count;
      goal = run.physical + run.count;
      continue;
    }
    TRY(const BlockRange range, volume_.allocator().reserve_blocks(goal, run.count));
    TRY_VOID(blocks.adopt({.logical = at,
                           .physical = range.start,
                           .count = range.count,
                           .state = RunState::kUnwritten}));
    at += range.count;
    goal = range.end();
  }
  return {};
}

// Like punch, but the blocks stay allocated.
Outcome<void> ExtDriver::zero(const Inode& inode, std::uint64_t offset, std::uint64_t end) {
  const std::uint64_t block_size = volume_.block_size();
  TRY_VOID(punch(inode, offset, std::min(end, inode.size())));
  return preallocate(inode, offset / block_size, (end - 1) / block_size + 1);
}

}  // namespace airlock::ext
