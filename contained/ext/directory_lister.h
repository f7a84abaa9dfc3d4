// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "contained/ext/directory_access.h"
#include "contained/ext/directory_hash.h"
#include "contained/ext/htree.h"

// One call of Directory::list. Where the kernel could index the directory, entries come in the
// order of their ListPosition, which is made from the name alone; elsewhere in the order of their
// place. Memory is bounded whatever the medium holds: one leaf, or one run of equal hashes, or
// kMostItems of an index that cannot be used.
namespace airlock::ext {

// What an entry is sorted by, and where it is.
struct ListItem {
  std::uint64_t run = 0;
  std::uint32_t second_hash = 0;  // tells names of one run apart, and then their place does
  std::uint32_t block = 0;
  std::uint32_t offset = 0;
  friend auto operator<=>(const ListItem&, const ListItem&) = default;
};

// For a record whose name has this hash.
ListItem list_item(std::uint32_t hash, std::uint32_t block, const Record& record);

// A slash would let a medium name files elsewhere; a NUL would end the name early.
bool is_possible_name(std::string_view name);

// How far a listing is, and the records of the block last used; for all kinds of listings.
class ListDelivery {
 public:
  ListDelivery(DirectoryAccess& access, std::uint64_t cookie, ListVisitor visit)
      : access_(access),
        visit_(visit),
        cookie_(cookie & ~ListPosition::kDamaged),
        damaged_((cookie & ListPosition::kDamaged) != 0) {}

  // Where the listing is: nothing before it is wanted.
  std::uint64_t cookie() const { return cookie_; }
  bool stopped() const { return stopped_; }
  bool delivered() const { return delivered_; }
  // Something was left out, now or in an earlier call: the end of the listing must say so.
  bool damaged() const { return damaged_; }
  void mark_damaged() { damaged_ = true; }

  // To be called before blocks go that were delivered from (DirectoryBlocks::done_with).
  void forget_block() { records_ = {}; }
  // False when the visitor has enough.
  Outcome<bool> deliver(std::uint32_t block, const Record& record, std::uint64_t next);
  Outcome<bool> deliver(std::span<const ListItem> sorted);

 private:
  Outcome<Record> record_of(const ListItem& item);

  DirectoryAccess& access_;
  ListVisitor visit_;
  std::uint64_t cookie_;
  bool damaged_;
  bool stopped_ = false;
  bool delivered_ = false;
  std::uint32_t block_ = 0;
  std::span<const std::byte> records_;  // of block_, empty before the first
};

class DirectoryLister {
 public:
  explicit DirectoryLister(DirectoryAccess& access) : access_(access), index_(access) {}

  Outcome<void> list(std::uint64_t cookie, ListVisitor visit);

 private:
  Outcome<void> list_linear(ListDelivery& delivery);
  Outcome<void> list_block(ListDelivery& delivery, std::uint32_t block);
  Outcome<void> list_by_hash(ListDelivery& delivery);
  Outcome<void> list_dots(ListDelivery& delivery);
  Outcome<void> list_dot(ListDelivery& delivery, std::string_view name, std::uint64_t position);
  Outcome<void> list_index(ListDelivery& delivery);
  Outcome<void> add_leaf(const IndexRoot& root, const IndexPath& path, std::uint64_t from);
  Outcome<void> list_all_sorted(ListDelivery& delivery);
  Outcome<bool> select_smallest(ListDelivery& delivery, std::uint8_t hash_version,
                                std::uint64_t from);
  void select_from(ListDelivery& delivery, std::uint32_t block, std::uint8_t hash_version,
                   std::uint64_t from);
  std::uint8_t scan_hash_version();

  DirectoryAccess& access_;
  HashIndex index_;
  std::vector<ListItem> items_;
  bool truncated_ = false;  // there was more than items_ may hold
};

}  // namespace airlock::ext
