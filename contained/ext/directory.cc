// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory.h"

#include <ext2fs/ext2_fs.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "contained/ext/directory_access.h"
#include "contained/ext/directory_hash.h"
#include "contained/ext/directory_lister.h"
#include "contained/ext/directory_record.h"
#include "contained/ext/htree.h"
#include "contained/ext/htree_insert.h"

namespace airlock::ext {
namespace {

// Where a name was found.
struct Place {
  std::uint32_t block = 0;
  std::span<std::byte> records;
  RecordSearch search;
};

enum class Purpose { kRead, kChange };

Outcome<void> check_name(std::string_view name) {
  if (name.empty()) return refuse(ENOENT);
  if (name.size() > kLongestName) return refuse(ENAMETOOLONG);
  return {};
}

// Goes on behind a broken block, so that as much as possible can be read; but then "not there"
// cannot be the answer.
Outcome<Place> locate_linear(DirectoryAccess& access, std::string_view name) {
  Errno answer{ENOENT};
  for (std::uint32_t i = 0; i < access.count(); ++i) {
    TRY(const std::uint32_t mapped, access.blocks().next_mapped(i));
    if (mapped != i) answer = Errno{EUCLEAN};
    i = mapped;
    if (i >= access.count()) break;
    const auto block = access.scan(i);
    if (!block) {
      answer = block.error();
      if (answer != Errno{EUCLEAN}) break;
    } else {
      const auto search = find_record(block->records, access.record_format(), name);
      if (search.result == SearchResult::kFound)
        return Place{.block = i, .records = block->records, .search = search};
      if (search.result == SearchResult::kBroken)
        answer = access.broken(i, kMalformedEntry).error();
    }
    TRY_VOID(access.blocks().done_with(i));
  }
  return std::unexpected(answer);
}

Outcome<Place> locate_hashed(DirectoryAccess& access, std::string_view name) {
  HashIndex index(access);
  TRY(const IndexRoot root, index.root());
  TRY(const std::uint32_t hash, index.hash(root, name));
  TRY(IndexPath path, index.descend(root, hash));
  for (std::uint32_t leaves = 1; leaves <= kMostLeavesOfHash; ++leaves) {
    TRY(const auto records, access.leaf(path.leaf));
    const auto search = find_record(records, access.record_format(), name);
    if (search.result == SearchResult::kFound)
      return Place{.block = path.leaf, .records = records, .search = search};
    if (search.result == SearchResult::kBroken) return access.broken(path.leaf, kMalformedEntry);
    const auto next = path.next_start();
    if (!next || (*next & ~1U) != hash) return refuse(ENOENT);
    TRY_VOID(index.advance(path));
  }
  return access.broken(path.leaf, kTooManyOfHash);
}

// The dots of an indexed directory are in its root.
Outcome<Place> locate_dots(DirectoryAccess& access, std::string_view name) {
  TRY(const auto block, access.scan(0));
  const auto search = find_record(block.records, access.record_format(), name);
  if (search.result != SearchResult::kFound)
    return access.broken(0, "directory does not start with . and ..");
  return Place{.block = 0, .records = block.records, .search = search};
}

Outcome<Place> locate(DirectoryAccess& access, std::string_view name, Purpose purpose) {
  TRY_VOID(check_name(name));
  if (!access.hashed()) return locate_linear(access, name);
  if (is_dot_name(name)) return locate_dots(access, name);
  auto place = locate_hashed(access, name);
  if (place || place.error() != Errno{EUCLEAN} || purpose == Purpose::kChange) return place;
  return locate_linear(access, name);
}

Outcome<void> place_changed(DirectoryAccess& access, const Place& place) {
  return access.hashed() && place.block == 0 ? access.node_changed(0, kRootCount)
                                             : access.leaf_changed(place.block);
}

void no_room_before(InsertHint* hint, std::uint32_t block, std::size_t size_class) {
  if (hint == nullptr) return;
  for (std::size_t i = size_class; i < hint->first_block.size(); ++i)
    hint->first_block[i] = std::max(hint->first_block[i], block);
}

void room_in(InsertHint* hint, std::uint32_t block) {
  if (hint == nullptr) return;
  for (auto& first : hint->first_block) first = std::min(first, block);
}

// Tries one block; false when it has no room.
Outcome<bool> insert_into(DirectoryAccess& access, std::uint32_t block, std::string_view name,
                          Entry entry) {
  TRY(const auto records, access.leaf(block));
  const RecordFormat format = access.record_format();
  const auto room = find_room(records, format, record_size(name.size()));
  if (room.result == SearchResult::kBroken) return access.broken(block, kMalformedEntry);
  if (room.result == SearchResult::kAbsent) return false;
  place_record(records, format, room.record, name, entry);
  TRY_VOID(access.leaf_changed(block));
  return true;
}

bool should_index(const DirectoryAccess& access) {
  return access.format().dir_index && access.count() == 1 &&
         access.format().default_hash_version <= kMostHashVersion;
}

Outcome<void> insert_linear(DirectoryAccess& access, std::string_view name, Entry entry,
                            InsertHint* hint) {
  const std::size_t size_class = record_size(name.size()) / 4;
  std::uint32_t block = hint != nullptr ? hint->first_block[size_class] : 0;
  for (; block < access.count(); ++block) {
    TRY(const bool inserted, insert_into(access, block, name, entry));
    if (inserted) {
      no_room_before(hint, block, size_class);
      return {};
    }
    TRY_VOID(access.blocks().done_with(block));
  }
  if (should_index(access)) {
    HashInserter inserter(access);
    TRY_VOID(inserter.make_index());
    return inserter.insert(name, entry);
  }
  TRY(const std::uint32_t fresh, access.append_leaf());
  no_room_before(hint, fresh, size_class);
  TRY(const bool inserted, insert_into(access, fresh, name, entry));
  return inserted ? Outcome<void>{} : access.broken(fresh, kMalformedEntry);
}

}  // namespace

Directory::Directory(const DirectoryFormat& format, DirectoryBlocks& blocks, std::uint32_t inode,
                     std::uint32_t inode_checksum_seed, InsertHint* hint)
    : format_(format), blocks_(blocks), inode_(inode), seed_(inode_checksum_seed), hint_(hint) {}

Outcome<Entry> Directory::lookup(std::string_view name) {
  DirectoryAccess access(format_, blocks_, seed_);
  TRY(const Place place, locate(access, name, Purpose::kRead));
  const Record& record = place.search.record;
  return Entry{.inode = record.inode,
               .type = format_.file_types ? record.type : std::uint8_t{0},
               .other_spelling = record.name != name};
}

Outcome<void> Directory::insert(std::string_view name, Entry entry) {
  TRY_VOID(check_name(name));
  if (is_dot_name(name)) return refuse(EEXIST);
  DirectoryAccess access(format_, blocks_, seed_);
  if (access.hashed()) return HashInserter(access).insert(name, entry);
  // An index that nobody keeps up would be wrong from now on.
  if (blocks_.indexed()) TRY_VOID(blocks_.set_indexed(false));
  return insert_linear(access, name, entry, hint_);
}

Outcome<void> Directory::remove(std::string_view name) {
  if (is_dot_name(name)) return refuse(EINVAL);
  DirectoryAccess access(format_, blocks_, seed_);
  TRY(const Place place, locate(access, name, Purpose::kChange));
  erase_record(place.records, access.record_format(), place.search);
  room_in(hint_, place.block);
  return place_changed(access, place);
}

Outcome<void> Directory::replace(std::string_view name, Entry entry) {
  DirectoryAccess access(format_, blocks_, seed_);
  TRY(const Place place, locate(access, name, Purpose::kChange));
  repoint_record(place.records, access.record_format(), place.search.record, entry);
  return place_changed(access, place);
}

Outcome<std::uint32_t> Directory::block_of(std::string_view name) {
  DirectoryAccess access(format_, blocks_, seed_);
  TRY(const Place place, locate(access, name, Purpose::kChange));
  return place.block;
}

Outcome<bool> Directory::empty() {
  DirectoryAccess access(format_, blocks_, seed_);
  for (std::uint32_t i = 0; i < access.count(); ++i) {
    TRY(const auto block, access.scan(i));
    RecordCursor cursor(block.records, format_.block_size);
    while (cursor.next())
      if (cursor.record().used() && !is_dot_name(cursor.record().name)) return false;
    if (cursor.broken()) return access.broken(i, kMalformedEntry);
    TRY_VOID(blocks_.done_with(i));
  }
  return true;
}

Outcome<void> Directory::initialize(std::uint32_t parent) {
  DirectoryAccess access(format_, blocks_, seed_);
  if (access.count() == 0) TRY_VOID(access.append_leaf());
  TRY(const auto block, access.raw(0));
  RecordWriter writer(access.leaf_part(block), access.record_format());
  writer.add(".", inode_, EXT2_FT_DIR);
  writer.add("..", parent, EXT2_FT_DIR);
  writer.finish();
  TRY_VOID(access.leaf_changed(0));
  blocks_.mark_verified(0);
  return {};
}

Outcome<void> Directory::list(std::uint64_t cookie, ListVisitor visit) {
  DirectoryAccess access(format_, blocks_, seed_);
  return DirectoryLister(access).list(cookie, visit);
}

}  // namespace airlock::ext
