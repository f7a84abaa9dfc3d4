// SPDX-License-Identifier: GPL-2.0-or-later
// How an extent tree grows: ExtentMap::insert and the steps for a new entry.
#include <algorithm>
#include <cerrno>

#include "contained/ext/extent_map.h"

namespace airlock::ext {

Outcome<void> ExtentMap::insert(const Run& run) {
  const std::uint64_t limit = std::min(format_.max_logical, kExtentLogicalEnd);
  if (run.count == 0 || run.state == RunState::kHole) return refuse(EINVAL);
  if (run.logical >= limit || run.count > limit - run.logical) return refuse(EFBIG);
  if (!blocks_.valid(run.physical, run.count)) return refuse(EINVAL);
  if (run.physical + run.count > kExtentPhysicalEnd) return refuse(EFBIG);
  const bool unwritten = run.state == RunState::kUnwritten;
  const std::uint64_t longest = unwritten ? kLongestUnwritten : kLongestWritten;
  for (std::uint64_t done = 0; done < run.count;) {
    const std::uint64_t count = std::min(run.count - done, longest);
    auto inserted = insert_extent(Extent{.logical = static_cast<std::uint32_t>(run.logical + done),
                                         .physical = run.physical + done,
                                         .count = static_cast<std::uint32_t>(count),
                                         .unwritten = unwritten});
    if (!inserted) {
      // The part already in never reaches the next extent, so taking it out splits nothing and
      // needs no blocks. If that fails all the same, the map was damaged before.
      if (done > 0) (void)detach(run.logical, run.logical + done, Data::kKeep);
      return inserted;
    }
    done += count;
  }
  return {};
}

Outcome<void> ExtentMap::insert_extent(const Extent& added) {
  TRY(Path path, walk(added.logical));
  const Level& leaf = path.leaf();
  const int next = leaf.position + 1;
  const std::uint64_t free_from = leaf.position < 0 ? 0 : leaf.node.extent(leaf.position).end();
  const std::uint64_t free_to = next < leaf.node.entries() ? leaf.node.key(next) : leaf.high;
  if (added.logical < free_from || added.end() > free_to) return refuse(EEXIST);
  if (join_neighbours(path, added)) return {};
  TRY(Reserve reserved, reserve(path, path.depth > 0 ? leaf.physical : added.physical));
  put_entry(path, next, added, reserved);
  return {};
}

bool ExtentMap::join_neighbours(Path& path, const Extent& added) {
  Level& leaf = path.leaf();
  Extent before = leaf.node.extent(leaf.position);
  if (leaf.position >= 0 && before.joins(added)) {
    before.count += added.count;
    leaf.node.set_extent(leaf.position, before);
    merge_around(leaf.node, leaf.position);
    touch(path, path.depth);
    return true;
  }
  const int next = leaf.position + 1;
  if (next >= leaf.node.entries()) return false;
  const Extent after = leaf.node.extent(next);
  if (!added.joins(after)) return false;
  Extent both = added;
  both.count += after.count;
  leaf.node.set_extent(next, both);
  touch(path, path.depth);
  if (next == 0) correct_keys(path, path.depth);
  return true;
}

// Reserves the blocks that one more entry in the leaf may need: one for each full node from the
// leaf up. A full root needs one block as well: its entries move down, it is not split.
Outcome<ExtentMap::Reserve> ExtentMap::reserve(const Path& path, std::uint64_t goal) {
  Reserve reserve;
  if (auto filled = fill_reserve(reserve, path, goal); !filled) {
    // Only the first failure counts.
    for (std::size_t i = 0; i < reserve.left; ++i)
      (void)blocks_.release(reserve.blocks[i].physical, 1, MapUse::kMap);
    return std::unexpected(filled.error());
  }
  return reserve;
}

Outcome<void> ExtentMap::fill_reserve(Reserve& reserve, const Path& path, std::uint64_t goal) {
  for (std::size_t level = path.depth + 1; level-- > 0;) {
    const ExtentNode& node = path.levels[level].node;
    if (node.entries() < node.max()) return {};
    if (level == 0 && path.depth == kDeepestTree) return refuse(EFBIG);
    TRY_VOID(reserve_block(reserve, path, goal));
    const bool halves = level > 0 && path.levels[level].position + 1 < node.entries();
    if (halves && format_.copies_halved) TRY_VOID(reserve_block(reserve, path, goal));
  }
  return {};
}

Outcome<void> ExtentMap::reserve_block(Reserve& reserve, const Path& path, std::uint64_t goal) {
  TRY(const std::uint64_t physical, blocks_.allocate(goal));
  // With a damaged bitmap the new block could be one that is about to be read.
  for (std::size_t used = 1; used <= path.depth; ++used) {
    if (path.levels[used].physical == physical)
      return damage(physical, "it is in use but counted as free");
  }
  reserve.blocks[reserve.left++].physical = physical;
  TRY(reserve.blocks[reserve.left - 1].bytes, blocks_.fresh(physical));
  return {};
}

// Puts an entry into the leaf at the end of the path; splits full nodes on the way up. Cannot fail.
// A node that grows at its end stays full and the new one begins empty, which suits files that are
// written from start to end.
void ExtentMap::put_entry(Path& path, int position, const Extent& added, Reserve& reserve) {
  std::size_t level = path.depth;
  ExtentIndex raised;  // for the parent, after a split
  const auto write = [&](ExtentNode& node, int at) {
    node.open_gap(at);
    if (node.depth() == 0) {
      node.set_extent(at, added);
    } else {
      node.set_index(at, raised);
    }
  };
  while (path.levels[level].node.entries() >= path.levels[level].node.max()) {
    if (reserve.left == 0) return;  // only if the tree changed meanwhile
    if (level == 0) {
      grow(path, reserve);
      level = 1;
      break;
    }
    Level& left = path.levels[level];
    const bool halves = position < left.node.entries();
    if (halves && format_.copies_halved && reserve.left > 1) copy_node(path, level, reserve);
    const Reserve::Block block = reserve.blocks[--reserve.left];
    Level right{.node = ExtentNode(block.bytes), .physical = block.physical};
    right.node.initialize(left.node.depth());
    const int count = left.node.entries();
    const int middle = position == count ? count : count / 2;
    left.node.move_tail(middle, right.node);
    if (position > middle || position == count) {
      write(right.node, position - middle);
      position = -1;
    } else {
      write(left.node, position);
    }
    touch(path, level);
    if (position == 0) correct_keys(path, level);
    raised = {.logical = right.node.key(0), .child = right.physical};
    left = right;
    touch(path, level);
    --level;
    position = path.levels[level].position + 1;
  }
  write(path.levels[level].node, position);
  touch(path, level);
  if (position == 0) correct_keys(path, level);
}

// Moves a node to another place before it is halved. The node above then changes at once from the
// whole node to its halves; the node itself and the one above could not change together.
void ExtentMap::copy_node(Path& path, std::size_t level, Reserve& reserve) {
  Level& copied = path.levels[level];
  Level& above = path.levels[level - 1];
  const Reserve::Block block = reserve.blocks[--reserve.left];
  std::ranges::copy(copied.node.bytes(), block.bytes.begin());
  // Refused only if the bitmap is damaged: then the block stays in use.
  (void)blocks_.release(copied.physical, 1, MapUse::kMap);
  copied.node = ExtentNode(block.bytes);
  copied.physical = block.physical;
  ExtentIndex index = above.node.index(above.position);
  index.child = block.physical;
  above.node.set_index(above.position, index);
  touch(path, level - 1);
}

// Moves the entries of the root into a new node; the tree becomes one level deeper.
void ExtentMap::grow(Path& path, Reserve& reserve) {
  ExtentNode root = path.levels[0].node;
  const Reserve::Block block = reserve.blocks[--reserve.left];
  Level below{.node = ExtentNode(block.bytes), .physical = block.physical};
  const std::uint16_t depth = root.depth();
  below.node.initialize(depth);
  root.move_tail(0, below.node);
  root.initialize(static_cast<std::uint16_t>(depth + 1));
  root.open_gap(0);
  root.set_index(0, {.logical = below.node.key(0), .child = block.physical});
  path.levels[0].position = 0;
  path.levels[1] = below;
}

// Splits the extent that holds both `at` and the block before it; does nothing if there is none.
Outcome<void> ExtentMap::split_extent(std::uint64_t at) {
  TRY(Path path, walk(at));
  Level& leaf = path.leaf();
  Extent left = leaf.node.extent(leaf.position);
  if (leaf.position < 0 || left.logical == at || left.end() <= at) return {};
  TRY(Reserve reserved, reserve(path, path.depth > 0 ? leaf.physical : left.physical));
  const std::uint32_t kept = static_cast<std::uint32_t>(at - left.logical);
  Extent right = left;
  right.logical += kept;
  right.physical += kept;
  right.count -= kept;
  left.count = kept;
  leaf.node.set_extent(leaf.position, left);
  touch(path, path.depth);
  put_entry(path, leaf.position + 1, right, reserved);
  return {};
}

}  // namespace airlock::ext
