// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/htree.h"

#include "contained/ext/directory_hash.h"
#include "contained/ext/directory_record.h"

namespace airlock::ext {
namespace {

bool has_root_dots(std::span<const std::byte> block, std::uint32_t block_size) {
  RecordCursor cursor(block, block_size);
  if (!cursor.next() || cursor.record().name != "." || cursor.record().length != kDotRecord)
    return false;
  return cursor.next() && cursor.record().name == ".." &&
         cursor.record().length == block_size - kDotRecord;
}

bool count_fits(const IndexNode& node, const DirectoryFormat& format) {
  return node.limit() == index_limit(format, node.count_offset()) && node.count() >= 1 &&
         node.count() <= node.limit();
}

}  // namespace

std::optional<std::uint32_t> IndexPath::next_start() const {
  for (std::size_t level = levels; level > 0; --level) {
    const Step& step = steps[level - 1];
    if (step.chosen + 1 < step.node.count()) return step.node.hash(step.chosen + 1);
  }
  return std::nullopt;
}

Outcome<IndexRoot> HashIndex::root() {
  TRY(const auto bytes, access_.node(0, kRootCount));
  const DirectoryFormat& format = access_.format();
  const auto byte_at = [&](std::size_t offset) {
    return std::to_integer<std::uint8_t>(bytes[offset]);
  };
  if (!has_root_dots(bytes, format.block_size) ||
      load_le<std::uint32_t>(bytes, kRootHashVersion - 4) != 0U ||
      byte_at(kRootInfoLength) != kInfoLength)
    return access_.broken(0, "index root is malformed");
  if (byte_at(kRootHashVersion) > kMostHashVersion || (byte_at(kRootFlags) & 1) != 0)
    return access_.broken(0, "index uses an unknown hash");

  IndexRoot root{.node = IndexNode(0, bytes, kRootCount),
                 .hash_version = byte_at(kRootHashVersion),
                 .levels = std::size_t{byte_at(kRootLevels)} + 1};
  if (root.levels > most_levels()) return access_.broken(0, "index is too deep");
  if (!count_fits(root.node, format)) return access_.broken(0, "index root has a wrong count");
  return root;
}

Outcome<std::uint32_t> HashIndex::hash(const IndexRoot& root, std::string_view name) {
  const auto hash = name_hash(access_.format(), root.hash_version, name, access_.folding());
  if (!hash) return access_.broken(0, "index uses an unknown hash");
  return *hash;
}

Outcome<IndexNode> HashIndex::node(std::uint32_t block, const IndexPath& path) {
  for (const auto& step : path.steps)
    if (step.node.block() == block) return access_.broken(block, "index leads in a circle");
  TRY(const auto bytes, access_.node(block, kNodeCount));
  if (!looks_like_node(bytes, access_.format().block_size))
    return access_.broken(block, "index leads to a block that is not an index");
  const IndexNode node(block, bytes, kNodeCount);
  if (!count_fits(node, access_.format()))
    return access_.broken(block, "index block has a wrong count");
  return node;
}

// Goes down from what is chosen at the level above.
Outcome<void> HashIndex::enter(IndexPath& path, std::size_t level) {
  const auto& above = path.steps[level - 1];
  const std::uint32_t target = above.node.target(above.chosen);
  if (target == 0) return access_.broken(above.node.block(), "index leads to its own root");
  if (level == path.levels) {
    path.leaf = target;
    return {};
  }
  path.steps[level] = {};
  TRY(path.steps[level].node, node(target, path));
  return {};
}

Outcome<IndexPath> HashIndex::descend(const IndexRoot& root, std::uint32_t hash) {
  IndexPath path;
  path.levels = root.levels;
  path.steps[0].node = root.node;
  for (std::size_t level = 0; level < path.levels; ++level) {
    auto& step = path.steps[level];
    step.chosen = step.node.find(hash);
    if (step.chosen > 0) path.start = step.node.hash(step.chosen);
    TRY_VOID(enter(path, level + 1));
  }
  return path;
}

Outcome<void> HashIndex::advance(IndexPath& path) {
  if (++path.visited > access_.count())
    return access_.broken(path.leaf, "index has more entries than the directory has blocks");
  std::size_t level = path.levels;
  while (level > 0 && path.steps[level - 1].chosen + 1 >= path.steps[level - 1].node.count())
    --level;
  if (level == 0) return access_.broken(path.leaf, "index ends too early");
  auto& step = path.steps[level - 1];
  ++step.chosen;
  path.start = step.node.hash(step.chosen);
  for (; level <= path.levels; ++level) TRY_VOID(enter(path, level));
  return {};
}

}  // namespace airlock::ext
