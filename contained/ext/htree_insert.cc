// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/htree_insert.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "contained/ext/directory_record.h"

namespace airlock::ext {
namespace {

// Packing the leaf, splitting it, and room at each level of the index: more never helps.
constexpr int kMostAttempts = 12;

struct HashedRecord {
  std::uint32_t hash;
  Record record;
};

// The first of the sorted records to move out, so that about half of the bytes go.
std::size_t split_point(const std::vector<HashedRecord>& sorted) {
  std::size_t total = 0;
  for (const auto& item : sorted) total += record_size(item.record.name.size());
  std::size_t moved = 0;
  std::size_t first = sorted.size();
  while (first > 1 && moved < total / 2) {
    --first;
    moved += record_size(sorted[first].record.name.size());
  }
  return first;
}

std::uint32_t used_length(std::span<const std::byte> records, std::uint32_t block_size) {
  std::uint32_t used = 0;
  for (RecordCursor cursor(records, block_size); cursor.next();)
    if (cursor.record().used()) used += record_size(cursor.record().name.size());
  return used;
}

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Outcome<void> HashInserter::insert(std::string_view name, Entry entry) {
  for (int i = 0; i < kMostAttempts; ++i) {
    TRY(const Attempt result, attempt(name, entry));
    if (result == Attempt::kInserted) return {};
  }
  return access_.broken(0, "index does not make room for a new name");
}

Outcome<HashInserter::Attempt> HashInserter::attempt(std::string_view name, Entry entry) {
  TRY(const IndexRoot root, index_.root());
  TRY(const std::uint32_t hash, index_.hash(root, name));
  TRY(IndexPath path, index_.descend(root, hash));
  TRY(const auto records, access_.leaf(path.leaf));
  const RecordFormat format = access_.record_format();
  const std::uint32_t size = record_size(name.size());

  const RecordSearch room = find_room(records, format, size);
  if (room.result == SearchResult::kBroken)
    return access_.broken(path.leaf, "directory block has a malformed entry");
  if (room.result == SearchResult::kFound) {
    place_record(records, format, room.record, name, entry);
    TRY_VOID(access_.leaf_changed(path.leaf));
    return Attempt::kInserted;
  }
  if (used_length(records, format.block_size) + size <= records.size())
    TRY_VOID(repack(records));  // its checksum follows with the insertion
  else if (path.bottom().node.full())
    TRY_VOID(grow(root, path));
  else
    TRY_VOID(split_leaf(root, path));
  return Attempt::kTryAgain;
}

Outcome<void> HashInserter::repack(std::span<std::byte> records) {
  const RecordFormat format = access_.record_format();
  const auto old = copy_of(records);
  RecordWriter writer(records, format);
  for (RecordCursor cursor(old, format.block_size); cursor.next();) {
    const Record& record = cursor.record();
    if (record.used() && !writer.add(record.name, record.inode, record.type))
      return refuse(EUCLEAN);
  }
  writer.finish();
  return {};
}

Outcome<void> HashInserter::split_leaf(const IndexRoot& root, IndexPath& path) {
  const RecordFormat format = access_.record_format();
  TRY(const auto records, access_.leaf(path.leaf));
  const auto old = copy_of(records);
  std::vector<HashedRecord> sorted;
  for (RecordCursor cursor(old, format.block_size); cursor.next();) {
    if (!cursor.record().used()) continue;
    TRY(const std::uint32_t hash, index_.hash(root, cursor.record().name));
    sorted.push_back({.hash = hash, .record = cursor.record()});
  }
  std::ranges::sort(sorted, [](const HashedRecord& a, const HashedRecord& b) {
    return std::pair(a.hash, a.record.offset) < std::pair(b.hash, b.record.offset);
  });
  const auto next = path.next_start();
  if (sorted.size() < 2 || sorted.front().hash < (path.start & ~1U) ||
      (next && sorted.back().hash > *next))
    return access_.broken(path.leaf, "directory block holds names that its index does not cover");

  TRY(const std::uint32_t fresh, append_leaf());
  TRY(const auto fresh_records, access_.leaf(fresh));
  const std::size_t first = split_point(sorted);
  RecordWriter kept(records, format);
  RecordWriter moved(fresh_records, format);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Record& record = sorted[i].record;
    (i < first ? kept : moved).add(record.name, record.inode, record.type);
  }
  kept.finish();
  moved.finish();

  const std::uint32_t hash = sorted[first].hash;
  const bool continues = hash == sorted[first - 1].hash;
  auto& bottom = path.bottom();
  bottom.node.insert_after(bottom.chosen, hash | (continues ? 1U : 0U), fresh);
  TRY_VOID(access_.leaf_changed(fresh));
  TRY_VOID(access_.leaf_changed(path.leaf));
  return access_.node_changed(bottom.node.block(), bottom.node.count_offset());
}

// Makes room at the highest full level that has none above it; asked again for those below.
Outcome<void> HashInserter::grow(const IndexRoot& root, IndexPath& path) {
  std::size_t level = path.levels - 1;
  while (level > 0 && path.steps[level - 1].node.full()) --level;
  if (level > 0) return split_node(path, level);
  if (root.levels >= index_.most_levels()) return refuse(ENOSPC);
  return add_level(path);
}

Outcome<void> HashInserter::split_node(IndexPath& path, std::size_t level) {
  auto& above = path.steps[level - 1];
  auto& node = path.steps[level].node;
  TRY(IndexNode fresh, append_node());
  const std::size_t half = node.count() / 2U;
  const std::uint32_t hash = node.hash(half);
  node.move_entries(half, fresh);
  above.node.insert_after(above.chosen, hash, fresh.block());
  TRY_VOID(access_.node_changed(fresh.block(), kNodeCount));
  TRY_VOID(access_.node_changed(node.block(), kNodeCount));
  return access_.node_changed(above.node.block(), above.node.count_offset());
}

Outcome<void> HashInserter::add_level(IndexPath& path) {
  auto& root = path.steps[0].node;
  TRY(IndexNode fresh, append_node());
  root.move_entries(0, fresh);
  root.set_count(1);
  root.set_target(0, fresh.block());
  TRY(const auto bytes, access_.raw(0));
  bytes[kRootLevels] = static_cast<std::byte>(path.levels);
  TRY_VOID(access_.node_changed(fresh.block(), kNodeCount));
  return access_.node_changed(0, kRootCount);
}

Outcome<IndexNode> HashInserter::append_node() {
  TRY(const std::uint32_t block, append_leaf());
  TRY(const auto bytes, access_.raw(block));
  format_node(bytes, access_.format());
  return IndexNode(block, bytes, kNodeCount);
}

Outcome<std::uint32_t> HashInserter::append_leaf() {
  if (access_.count() > kTargetMask) return refuse(ENOSPC);
  return access_.append_leaf();
}

Outcome<void> HashInserter::make_index() {
  const RecordFormat format = access_.record_format();
  TRY(const auto block, access_.leaf(0));
  const auto old = copy_of(block);
  RecordCursor cursor(old, format.block_size);
  const bool dot_found = cursor.next() && cursor.record().name == ".";
  const Record dot = cursor.record();
  const bool dot_dot_found = dot_found && cursor.next() && cursor.record().name == "..";
  const Record dot_dot = cursor.record();
  if (!dot_dot_found) return access_.broken(0, "directory does not start with . and ..");

  TRY(const std::uint32_t fresh, access_.append_leaf());
  TRY(const auto records, access_.leaf(fresh));
  TRY_VOID(access_.blocks().set_indexed(true));
  RecordWriter writer(records, format);
  while (cursor.next()) {
    const Record& record = cursor.record();
    if (record.used()) writer.add(record.name, record.inode, record.type);
  }
  writer.finish();
  TRY_VOID(access_.leaf_changed(fresh));
  return write_root(dot, dot_dot);
}

Outcome<void> HashInserter::write_root(const Record& dot, const Record& dot_dot) {
  TRY(const auto bytes, access_.raw(0));
  std::ranges::fill(bytes, std::byte{0});
  RecordWriter writer(bytes, access_.record_format());
  writer.add(dot.name, dot.inode, dot.type);
  writer.add(dot_dot.name, dot_dot.inode, dot_dot.type);
  writer.finish();
  bytes[kRootHashVersion] = static_cast<std::byte>(access_.format().default_hash_version);
  bytes[kRootInfoLength] = static_cast<std::byte>(kInfoLength);
  IndexNode root(0, bytes, kRootCount);
  root.set_limit(index_limit(access_.format(), kRootCount));
  root.set_count(1);
  root.set_target(0, 1);
  return access_.node_changed(0, kRootCount);
}

}  // namespace airlock::ext
