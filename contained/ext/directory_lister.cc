// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory_lister.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include "contained/ext/directory_hash.h"
#include "contained/ext/directory_record.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kMostItems = 16384;
constexpr std::uint64_t kLastCookie = std::numeric_limits<std::int64_t>::max();

bool listed_by_hash(const DirectoryAccess& access) {
  if (access.hashed()) return true;
  return access.format().dir_index && access.count() == 1 &&
         access.format().default_hash_version <= kMostHashVersion;
}

bool is_listed(const Record& record) {
  return record.used() && !is_dot_name(record.name);
}

}  // namespace

bool is_possible_name(std::string_view name) {
  return !name.empty() && name.find('/') == name.npos && name.find('\0') == name.npos;
}

ListItem list_item(std::uint32_t hash, std::uint32_t block, const Record& record) {
  const std::uint32_t second = list_hash(record.name);
  return {.run = ListPosition::run(hash, second),
          .second_hash = second,
          .block = block,
          .offset = record.offset};
}

Outcome<bool> ListDelivery::deliver(std::uint32_t block, const Record& record, std::uint64_t next) {
  if (!is_possible_name(record.name)) return access_.broken(block, "impossible file name");
  const bool file_types = access_.format().file_types;
  const bool wanted = visit_(ListedEntry{.inode = record.inode,
                                         .type = file_types ? record.type : std::uint8_t{0},
                                         .name = record.name,
                                         .next = next | (damaged_ ? ListPosition::kDamaged : 0)});
  stopped_ = !wanted;
  if (wanted) {
    delivered_ = true;
    cookie_ = next;
  }
  return wanted;
}

Outcome<Record> ListDelivery::record_of(const ListItem& item) {
  if (records_.empty() || item.block != block_) {
    TRY(const auto block, access_.scan(item.block));
    records_ = block.records;
    block_ = item.block;
  }
  if (item.offset > records_.size()) return access_.broken(item.block, kMalformedEntry);
  RecordCursor cursor(records_.subspan(item.offset), access_.format().block_size);
  if (!cursor.next()) return access_.broken(item.block, kMalformedEntry);
  return cursor.record();
}

// Whole runs only, so that names of one run are counted from its start.
Outcome<bool> ListDelivery::deliver(std::span<const ListItem> sorted) {
  std::uint64_t ordinal = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const bool same_run = i > 0 && sorted[i].run == sorted[i - 1].run;
    ordinal = same_run ? ordinal + 1 : ListPosition::kFirstOrdinal;
    if (ordinal + 1 >= ListPosition::kOrdinals)
      return access_.broken(sorted[i].block, kTooManyOfHash);
    const std::uint64_t position = sorted[i].run | ordinal;
    if (position < cookie_) continue;
    TRY(const Record record, record_of(sorted[i]));
    TRY(const bool wanted, deliver(sorted[i].block, record, position + 1));
    if (!wanted) return false;
  }
  return true;
}

Outcome<void> DirectoryLister::list(std::uint64_t cookie, ListVisitor visit) {
  if (cookie >= kLastCookie) return {};
  ListDelivery delivery(access_, cookie, visit);
  auto result = listed_by_hash(access_) ? list_by_hash(delivery) : list_linear(delivery);
  // What was delivered counts; the failure comes again when there is nothing before it.
  if (delivery.delivered() || delivery.stopped()) return {};
  if (result && delivery.damaged()) return refuse(EUCLEAN);
  return result;
}

Outcome<void> DirectoryLister::list_linear(ListDelivery& delivery) {
  const std::uint64_t first = delivery.cookie() / access_.format().block_size;
  if (first >= access_.count()) return {};
  for (auto i = static_cast<std::uint32_t>(first); i < access_.count(); ++i) {
    TRY(const std::uint32_t mapped, access_.blocks().next_mapped(i));
    if (mapped != i) delivery.mark_damaged();
    i = mapped;
    if (i >= access_.count()) return {};
    if (auto listed = list_block(delivery, i); !listed) {
      if (listed.error() != Errno{EUCLEAN}) return listed;
      delivery.mark_damaged();
    }
    if (delivery.stopped()) return {};
    TRY_VOID(access_.blocks().done_with(i));
  }
  return {};
}

// The cookie may point into a record that swallowed the one it was made for: the first one behind
// it is right then too.
Outcome<void> DirectoryLister::list_block(ListDelivery& delivery, std::uint32_t block) {
  const std::uint64_t base = std::uint64_t{block} * access_.format().block_size;
  TRY(const auto scanned, access_.scan(block));
  RecordCursor cursor(scanned.records, access_.format().block_size);
  while (cursor.next()) {
    const Record& record = cursor.record();
    const std::uint64_t position = base + record.offset;
    if (position < delivery.cookie() || !record.used()) continue;
    TRY(const bool wanted, delivery.deliver(block, record, position + record.length));
    if (!wanted) return {};
  }
  if (cursor.broken()) return access_.broken(block, kMalformedEntry);
  return {};
}

Outcome<void> DirectoryLister::list_by_hash(ListDelivery& delivery) {
  TRY_VOID(list_dots(delivery));
  if (delivery.stopped()) return {};
  if (!access_.hashed()) return list_all_sorted(delivery);
  auto listed = list_index(delivery);
  if (listed || listed.error() != Errno{EUCLEAN}) return listed;
  return list_all_sorted(delivery);
}

Outcome<void> DirectoryLister::list_dots(ListDelivery& delivery) {
  TRY_VOID(list_dot(delivery, ".", ListPosition::kDot));
  if (delivery.stopped()) return {};
  return list_dot(delivery, "..", ListPosition::kDotDot);
}

Outcome<void> DirectoryLister::list_dot(ListDelivery& delivery, std::string_view name,
                                        std::uint64_t position) {
  if (delivery.cookie() > position) return {};
  const auto block = access_.scan(0);
  if (!block && block.error() != Errno{EUCLEAN}) return std::unexpected(block.error());
  if (block) {
    const auto search = find_record(block->records, access_.record_format(), name);
    if (search.result == SearchResult::kFound) {
      TRY_VOID(delivery.deliver(0, search.record, position + 1));
      return {};
    }
    access_.blocks().corrupted(0, "directory does not start with . and ..");
  }
  delivery.mark_damaged();
  return {};
}

Outcome<void> DirectoryLister::list_index(ListDelivery& delivery) {
  TRY(IndexRoot root, index_.root());
  const std::uint64_t from = ListPosition::run_of(delivery.cookie());
  TRY(IndexPath path, index_.descend(root, ListPosition::hash_of(from)));
  items_.clear();
  std::uint32_t continued = 0;
  for (;;) {
    TRY_VOID(add_leaf(root, path, from));
    const auto next = path.next_start();
    std::ranges::sort(items_);
    // A run that goes on in the next leaf waits for the rest of it.
    auto whole = items_.end();
    if (next && (*next & 1) != 0)
      whole = std::ranges::lower_bound(items_, ListPosition::run(*next, 0), {}, &ListItem::run);
    TRY(const bool wanted, delivery.deliver({items_.begin(), whole}));
    if (!wanted || !next) return {};
    items_.erase(items_.begin(), whole);
    continued = (*next & 1) != 0 ? continued + 1 : 0;
    if (items_.size() > kMostItems || continued > kMostLeavesOfHash)
      return access_.broken(path.leaf, kTooManyOfHash);
    if (!access_.blocks().turn_is_over() || continued > 0) {
      TRY_VOID(index_.advance(path));
      continue;
    }
    // The way there has to be found again: what is known of it is void.
    delivery.forget_block();
    TRY_VOID(access_.blocks().done_with(path.leaf));
    TRY(root, index_.root());
    TRY(path, index_.descend(root, *next));
    if (path.start != *next) return access_.broken(path.leaf, "index is not sorted");
  }
}

Outcome<void> DirectoryLister::add_leaf(const IndexRoot& root, const IndexPath& path,
                                        std::uint64_t from) {
  const std::uint32_t low = path.start & ~1U;
  const auto next = path.next_start();
  // Only the even hashes below `next`, or up to it when it continues this leaf.
  const std::uint64_t end = next ? *next : std::uint64_t{1} << 32;
  if (next && (*next & ~1U) < low) return access_.broken(path.leaf, "index is not sorted");

  TRY(const auto records, access_.leaf(path.leaf));
  RecordCursor cursor(records, access_.format().block_size);
  while (cursor.next()) {
    if (!is_listed(cursor.record())) continue;
    TRY(const std::uint32_t hash, index_.hash(root, cursor.record().name));
    if (hash < low || hash >= end)
      return access_.broken(path.leaf, "directory block holds a name its index does not cover");
    const ListItem item = list_item(hash, path.leaf, cursor.record());
    if (item.run >= from) items_.push_back(item);
  }
  if (cursor.broken()) return access_.broken(path.leaf, kMalformedEntry);
  return {};
}

// Without an index to follow: goes through all blocks for the entries that come next, as often as
// the visitor wants more than can be held. A directory of one block takes one round.
Outcome<void> DirectoryLister::list_all_sorted(ListDelivery& delivery) {
  const std::uint8_t hash_version = scan_hash_version();
  std::uint64_t from = ListPosition::run_of(delivery.cookie());
  for (;;) {
    delivery.forget_block();
    TRY(const bool enough, select_smallest(delivery, hash_version, from));
    if (!enough) return access_.broken(0, kTooManyOfHash);
    if (items_.empty()) return {};
    const std::uint64_t last_run = items_.back().run;
    TRY(const bool wanted, delivery.deliver(items_));
    if (!wanted || !truncated_) return {};
    from = last_run + ListPosition::kOrdinals;
  }
}

// Fills items_ with whole runs, sorted. False when one run is more than can be held.
Outcome<bool> DirectoryLister::select_smallest(ListDelivery& delivery, std::uint8_t hash_version,
                                               std::uint64_t from) {
  items_.clear();
  truncated_ = false;
  for (std::uint32_t i = 0; i < access_.count(); ++i) {
    TRY(const std::uint32_t mapped, access_.blocks().next_mapped(i));
    if (mapped != i) delivery.mark_damaged();
    i = mapped;
    if (i >= access_.count()) break;
    select_from(delivery, i, hash_version, from);
    TRY_VOID(access_.blocks().done_with(i));
  }
  std::ranges::sort_heap(items_);
  if (!truncated_) return true;
  const auto cut = std::ranges::lower_bound(items_, items_.back().run, {}, &ListItem::run);
  items_.erase(cut, items_.end());
  return !items_.empty();
}

void DirectoryLister::select_from(ListDelivery& delivery, std::uint32_t block,
                                  std::uint8_t hash_version, std::uint64_t from) {
  const auto scanned = access_.scan(block);
  if (!scanned) {
    delivery.mark_damaged();
    return;
  }
  RecordCursor cursor(scanned->records, access_.format().block_size);
  while (cursor.next()) {
    if (!is_listed(cursor.record())) continue;
    const auto hash =
        name_hash(access_.format(), hash_version, cursor.record().name, access_.folding());
    const ListItem item = list_item(hash.value_or(0), block, cursor.record());
    if (item.run < from) continue;
    items_.push_back(item);
    std::ranges::push_heap(items_);
    if (items_.size() <= kMostItems) continue;
    std::ranges::pop_heap(items_);
    items_.pop_back();
    truncated_ = true;
  }
  if (!cursor.broken()) return;
  access_.blocks().corrupted(block, kMalformedEntry);
  delivery.mark_damaged();
}

// The same order as with the index, as far as its root can still be read.
std::uint8_t DirectoryLister::scan_hash_version() {
  if (access_.hashed())
    if (const auto root = index_.root()) return root->hash_version;
  return std::min(access_.format().default_hash_version, kMostHashVersion);
}

}  // namespace airlock::ext
