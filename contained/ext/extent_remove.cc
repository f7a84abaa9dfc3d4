// SPDX-License-Identifier: GPL-2.0-or-later
// How an extent tree shrinks: ExtentMap::remove.
#include <algorithm>
#include <cerrno>

#include "contained/ext/extent_map.h"

namespace airlock::ext {

Outcome<void> ExtentMap::remove(std::uint64_t logical, std::uint64_t count) {
  if (logical >= kExtentLogicalEnd) return {};
  const std::uint64_t end = logical + std::min(count, kExtentLogicalEnd - logical);
  TRY(Path path, walk(logical));
  const Level& leaf = path.leaf();
  const Extent extent = leaf.node.extent(leaf.position);
  // A hole inside one extent splits it; only this case needs a block, so it comes first.
  if (leaf.position >= 0 && extent.logical < logical && extent.end() > end)
    TRY_VOID(split_extent(end));
  TRY_VOID(detach(logical, end, Data::kRelease));
  return collapse();
}

// Goes from leaf to leaf. Each one either loses entries or is never visited again, so this ends.
Outcome<void> ExtentMap::detach(std::uint64_t logical, std::uint64_t end, Data data) {
  for (std::uint64_t cursor = logical; cursor < end;) {
    TRY(Path path, walk(cursor));
    TRY(cursor, detach_in_leaf(path, cursor, end, data));
  }
  return {};
}

Outcome<std::uint64_t> ExtentMap::detach_in_leaf(Path& path, std::uint64_t cursor,
                                                 std::uint64_t end, Data data) {
  ExtentNode& leaf = path.leaf().node;
  std::uint64_t next = path.leaf().high;
  Outcome<void> released;
  int position = path.leaf().position;
  if (position < 0 || leaf.extent(position).end() <= cursor) ++position;
  int gone_first = position;  // entries [gone_first, position) go
  bool changed = false;
  for (; position < leaf.entries(); ++position) {
    Extent extent = leaf.extent(position);
    const std::uint64_t first = std::max<std::uint64_t>(extent.logical, cursor);
    const std::uint64_t stop = std::min(extent.end(), end);
    if (first >= stop) {
      next = end;
      break;
    }
    const auto skipped = static_cast<std::uint32_t>(first - extent.logical);
    const auto taken = static_cast<std::uint32_t>(stop - first);
    released = release_data(extent.physical + skipped, taken, data);
    if (!released) break;
    changed = true;
    if (skipped > 0) {  // its tail goes
      extent.count = skipped;
      leaf.set_extent(position, extent);
      gone_first = position + 1;
    } else if (taken < extent.count) {  // its head goes
      extent.logical += taken;
      extent.physical += taken;
      extent.count -= taken;
      leaf.set_extent(position, extent);
      next = end;
      break;
    }
  }
  leaf.erase(gone_first, position);
  if (changed) {
    if (leaf.entries() == 0) {
      TRY_VOID(drop_empty(path));
    } else {
      touch(path, path.depth);
      correct_keys(path, path.depth);
    }
  }
  if (!released) return std::unexpected(released.error());
  return next;
}

Outcome<void> ExtentMap::release_data(std::uint64_t physical, std::uint64_t count, Data data) {
  if (data == Data::kKeep) return {};
  if (!blocks_.valid(physical, count))
    return damage(0, "an extent is outside of the blocks files may have");
  return blocks_.release(physical, count, MapUse::kData);
}

// The leaf of the path is empty: removes it from its parent, and the parent too if it is empty
// then.
Outcome<void> ExtentMap::drop_empty(Path& path) {
  std::size_t level = path.depth;
  std::size_t emptied = level;
  while (level > 0) {
    Level& parent = path.levels[--level];
    parent.node.erase(parent.position, parent.position + 1);
    if (parent.node.entries() > 0) {
      touch(path, level);
      if (parent.position == 0) correct_keys(path, level);
      break;
    }
  }
  if (path.levels[0].node.entries() == 0) initialize(root_);
  Outcome<void> outcome;
  for (; emptied > level; --emptied) {
    auto released = blocks_.release(path.levels[emptied].physical, 1, MapUse::kMap);
    if (!released) outcome = released;
  }
  return outcome;
}

// Moves the entries of a lone child into the root if they fit.
Outcome<void> ExtentMap::collapse() {
  TRY(Level root, open_root());
  while (root.node.depth() > 0 && root.node.entries() == 1) {
    root.position = 0;
    TRY(Level child, open_child(root));
    if (child.node.entries() > root.node.capacity()) return {};
    root.node.initialize(child.node.depth());
    child.node.move_tail(0, root.node);
    TRY_VOID(blocks_.release(child.physical, 1, MapUse::kMap));
  }
  return {};
}

}  // namespace airlock::ext
