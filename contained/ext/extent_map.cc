// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/extent_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace airlock::ext {

ExtentMap::ExtentMap(const MapFormat& format, MapBlocks& blocks, MapRoot root)
    : format_(format), blocks_(blocks), root_(root) {}

void ExtentMap::initialize(MapRoot root) {
  ExtentNode(root).initialize(0);
}

Outcome<void> ExtentMap::damage(std::uint64_t physical, std::string_view what) {
  blocks_.damaged(physical == 0 ? fmt::format("root of the extent tree: {}", what)
                                : fmt::format("extent tree block {}: {}", physical, what));
  return refuse(EUCLEAN);
}

Outcome<ExtentMap::Level> ExtentMap::open_root() {
  Level level{.node = ExtentNode(root_), .high = kExtentLogicalEnd};
  std::string_view wrong = level.node.check_header(level.low, level.high);
  if (wrong.empty() && level.node.depth() > kDeepestTree) wrong = "it claims too deep a tree";
  if (wrong.empty() && level.node.depth() > 0 && level.node.entries() == 0)
    wrong = "it has no entries";
  if (wrong.empty()) wrong = level.node.check_entries(level.low, level.high);
  if (!wrong.empty()) TRY_VOID(damage(0, wrong));
  return level;
}

// The child at the position of its parent. A leaf must not be empty: otherwise one block could
// stand in a tree many times over, and walks through such a tree would have no useful bound.
Outcome<ExtentMap::Level> ExtentMap::open_child(const Level& parent) {
  const ExtentNode& node = parent.node;
  const ExtentIndex index = node.index(parent.position);
  if (!blocks_.valid(index.child, 1)) {
    TRY_VOID(damage(parent.physical, "it points to a block that cannot be part of a file"));
  }
  TRY(const MapBlock block, blocks_.block(index.child));
  Level level{
      .node = ExtentNode(block.bytes),
      .physical = index.child,
      .low = index.logical,
      .high = parent.position + 1 < node.entries() ? node.key(parent.position + 1) : parent.high};
  std::string_view wrong = level.node.check_header(level.low, level.high);
  if (wrong.empty() && level.node.depth() + 1 != node.depth()) wrong = "it has the wrong depth";
  if (wrong.empty() && level.node.entries() == 0) wrong = "it has no entries";
  if (wrong.empty() && !block.checked) {
    wrong = level.node.check_entries(level.low, level.high);
    if (format_.checksums && !level.node.checksum_matches(format_.inode_seed))
      wrong = "its checksum is wrong";
    if (wrong.empty()) blocks_.checked(index.child);
  }
  if (!wrong.empty()) TRY_VOID(damage(index.child, wrong));
  return level;
}

Outcome<ExtentMap::Path> ExtentMap::walk(std::uint64_t logical) {
  Path path;
  TRY(path.levels[0], open_root());
  path.depth = path.levels[0].node.depth();
  for (std::size_t depth = 0; depth < path.depth; ++depth) {
    Level& level = path.levels[depth];
    level.position = std::max(level.node.last_not_after(logical), 0);
    TRY(path.levels[depth + 1], open_child(level));
  }
  Level& leaf = path.leaf();
  leaf.position = leaf.node.last_not_after(logical);
  if (leaf.high <= logical && logical < kExtentLogicalEnd)
    TRY_VOID(damage(leaf.physical, "its parent is out of order"));
  return path;
}

Outcome<Run> ExtentMap::find(std::uint64_t logical, std::uint64_t most) {
  Run run{.logical = logical, .count = most};
  if (logical >= kExtentLogicalEnd || most == 0) return run;
  TRY(Path path, walk(logical));
  const Level& leaf = path.leaf();
  const Extent extent = leaf.node.extent(leaf.position);
  if (leaf.position >= 0 && logical < extent.end()) {
    const std::uint64_t skipped = logical - extent.logical;
    if (!blocks_.valid(extent.physical, extent.count))
      TRY_VOID(damage(leaf.physical, "an extent is outside of the blocks files may have"));
    run.physical = extent.physical + skipped;
    run.count = std::min(most, extent.count - skipped);
    run.state = extent.unwritten ? RunState::kUnwritten : RunState::kWritten;
    return run;
  }
  const int next = leaf.position + 1;
  const std::uint64_t end = next < leaf.node.entries() ? leaf.node.key(next) : leaf.high;
  if (end < kExtentLogicalEnd) run.count = std::min(most, end - logical);
  return run;
}

void ExtentMap::touch(const Path& path, std::size_t level) {
  if (level == 0) return;
  ExtentNode node = path.levels[level].node;
  if (format_.checksums) node.set_checksum(format_.inode_seed);
  blocks_.changed(path.levels[level].physical);
}

// The kernel requires that an index names exactly the first block below it.
void ExtentMap::correct_keys(Path& path, std::size_t level) {
  const std::uint32_t key = path.levels[level].node.key(0);
  while (level > 0) {
    --level;
    Level& parent = path.levels[level];
    const std::uint32_t before = parent.node.key(parent.position);
    if (before == key) return;
    parent.node.set_key(parent.position, key);
    touch(path, level);
    if (key > before)
      blocks_.raised_key(parent.physical, parent.node.depth());
    else
      blocks_.under_lowered_key(path.levels[level + 1].physical, parent.node.depth() - 1U);
    if (parent.position > 0) return;
  }
}

Outcome<void> ExtentMap::mark_written(std::uint64_t logical, std::uint64_t count) {
  const std::uint64_t limit = std::min(format_.max_logical, kExtentLogicalEnd);
  const std::uint64_t end = logical < limit ? logical + std::min(count, limit - logical) : 0;
  int splits = 0;
  for (std::uint64_t cursor = logical; cursor < end;) {
    TRY(Path path, walk(cursor));
    TRY(const std::uint64_t next, mark_extent(path, cursor, end));
    // An extent is split at its start and at its end. More would mean a node out of order, which
    // would take entries for ever.
    splits = next == cursor ? splits + 1 : 0;
    if (splits > 2) return damage(path.leaf().physical, "its entries are out of order");
    cursor = next;
  }
  return {};
}

// One step of mark_written: returns where to continue, which is the same place after a split.
Outcome<std::uint64_t> ExtentMap::mark_extent(Path& path, std::uint64_t cursor, std::uint64_t end) {
  Level& leaf = path.leaf();
  Extent extent = leaf.node.extent(leaf.position);
  if (leaf.position < 0 || extent.end() <= cursor) {
    const int next = leaf.position + 1;
    return next < leaf.node.entries() ? leaf.node.key(next) : leaf.high;
  }
  if (!extent.unwritten) return extent.end();
  if (extent.logical < cursor) {
    TRY_VOID(split_extent(cursor));
    return cursor;
  }
  const std::uint64_t stop = std::min(extent.end(), end);
  if (lend_to_left(leaf.node, leaf.position, static_cast<std::uint32_t>(stop - cursor))) {
    touch(path, path.depth);
    return stop;
  }
  if (stop < extent.end()) {
    TRY_VOID(split_extent(stop));
    return cursor;
  }
  extent.unwritten = false;
  leaf.node.set_extent(leaf.position, extent);
  merge_around(leaf.node, leaf.position);
  touch(path, path.depth);
  return stop;
}

// Writing into a preallocated range from its start only moves the border between two extents.
bool ExtentMap::lend_to_left(ExtentNode& leaf, int position, std::uint32_t count) {
  if (position < 1) return false;
  Extent left = leaf.extent(position - 1);
  Extent right = leaf.extent(position);
  Extent lent = right;
  lent.count = count;
  lent.unwritten = false;
  if (count >= right.count || !left.joins(lent)) return false;
  left.count += count;
  right.logical += count;
  right.physical += count;
  right.count -= count;
  leaf.set_extent(position - 1, left);
  leaf.set_extent(position, right);
  return true;
}

void ExtentMap::merge_around(ExtentNode& leaf, int position) {
  for (const int left : {position, position - 1}) {
    if (left < 0 || left + 1 >= leaf.entries()) continue;
    Extent extent = leaf.extent(left);
    const Extent next = leaf.extent(left + 1);
    if (!extent.joins(next)) continue;
    extent.count += next.count;
    leaf.set_extent(left, extent);
    leaf.erase(left + 1, left + 2);
  }
}

}  // namespace airlock::ext
