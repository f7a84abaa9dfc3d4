// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/inline_directory.h"

#include <ext2fs/ext2_fs.h>

#include <algorithm>
#include <cerrno>

#include "contained/ext/directory_hash.h"
#include "contained/ext/directory_lister.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kInlineBlock = 60;
constexpr std::size_t kParent = 4;
// Where ".." and the entries would be in a block: what linear cookies count from.
constexpr std::uint64_t kDotDotAt = 12;
constexpr std::uint64_t kBehindDots = 24;

struct Sortable {
  ListItem key;
  ListedEntry entry;
};

// Gives each entry the cookie that follows its position.
void number_by_hash(std::vector<Sortable>& found) {
  std::ranges::sort(found, {}, &Sortable::key);
  std::uint64_t position = 0;
  for (auto& [key, entry] : found) {
    position = std::max(key.run | ListPosition::kFirstOrdinal, position);
    entry.next = ++position;
  }
}

}  // namespace

InlineDirectory::InlineDirectory(const DirectoryFormat& format, CorruptionReport& report,
                                 InlineBytes bytes, std::uint32_t inode, bool folded)
    : format_(format),
      report_(report),
      bytes_(bytes),
      inode_(inode),
      folding_(format.folding_in(folded)) {}

std::unexpected<Errno> InlineDirectory::broken(std::string_view what) const {
  report_.corrupted(0, what);
  return refuse(EUCLEAN);
}

RecordFormat InlineDirectory::record_format() const {
  return {.block_size = format_.block_size, .file_types = format_.file_types, .folding = folding_};
}

// The records of i_block or of the attribute; empty where none can be.
std::span<std::byte> InlineDirectory::half(std::size_t number) const {
  if (number == 0)
    return bytes_.block.size() == kInlineBlock ? bytes_.block.subspan(kParent)
                                               : std::span<std::byte>{};
  const std::size_t usable = bytes_.attribute.size() & ~std::size_t{3};
  return usable < kSmallestRecord ? std::span<std::byte>{} : bytes_.attribute.first(usable);
}

Outcome<std::uint32_t> InlineDirectory::parent() {
  const auto parent = load_le<std::uint32_t>(bytes_.block, 0);
  if (!parent || *parent == 0) return broken("inline directory has no parent");
  return *parent;
}

Outcome<InlineDirectory::Place> InlineDirectory::locate(std::string_view name) {
  if (name.empty()) return refuse(ENOENT);
  if (name.size() > kLongestName) return refuse(ENAMETOOLONG);
  for (std::size_t number = 0; number < kHalves; ++number) {
    const auto records = half(number);
    const auto search = find_record(records, record_format(), name);
    if (search.result == SearchResult::kFound) return Place{.records = records, .search = search};
    if (search.result == SearchResult::kBroken)
      return broken("inline directory has a malformed entry");
  }
  return refuse(ENOENT);
}

Outcome<Entry> InlineDirectory::lookup(std::string_view name) {
  const std::uint8_t directory = format_.file_types ? EXT2_FT_DIR : EXT2_FT_UNKNOWN;
  if (name == ".") return Entry{.inode = inode_, .type = directory};
  if (name == "..") {
    TRY(const std::uint32_t above, parent());
    return Entry{.inode = above, .type = directory};
  }
  TRY(const Place place, locate(name));
  const Record& record = place.search.record;
  return Entry{.inode = record.inode,
               .type = format_.file_types ? record.type : std::uint8_t{0},
               .other_spelling = record.name != name};
}

Outcome<void> InlineDirectory::insert(std::string_view name, Entry entry) {
  if (name.empty()) return refuse(ENOENT);
  if (name.size() > kLongestName) return refuse(ENAMETOOLONG);
  if (is_dot_name(name)) return refuse(EEXIST);
  for (std::size_t number = 0; number < kHalves; ++number) {
    const auto records = half(number);
    const auto room = find_room(records, record_format(), record_size(name.size()));
    if (room.result == SearchResult::kBroken)
      return broken("inline directory has a malformed entry");
    if (room.result == SearchResult::kAbsent) continue;
    place_record(records, record_format(), room.record, name, entry);
    return {};
  }
  return refuse(ENOSPC);
}

Outcome<void> InlineDirectory::remove(std::string_view name) {
  if (is_dot_name(name)) return refuse(EINVAL);
  TRY(const Place place, locate(name));
  erase_record(place.records, record_format(), place.search);
  return {};
}

Outcome<void> InlineDirectory::replace(std::string_view name, Entry entry) {
  if (name == ".") return refuse(EINVAL);
  if (name == "..")
    return store_le(bytes_.block, 0, entry.inode) ? Outcome<void>{}
                                                  : broken("inline directory has no parent");
  TRY(const Place place, locate(name));
  repoint_record(place.records, record_format(), place.search.record, entry);
  return {};
}

Outcome<bool> InlineDirectory::empty() {
  TRY(const auto found, entries());
  return found.size() <= 2;  // the dots
}

Outcome<void> InlineDirectory::initialize(std::uint32_t parent) {
  if (bytes_.block.size() != kInlineBlock) return refuse(EINVAL);
  std::ranges::fill(bytes_.block, std::byte{0});
  std::ranges::fill(bytes_.attribute, std::byte{0});
  (void)store_le(bytes_.block, 0, parent);  // 60 bytes have room for it
  for (std::size_t number = 0; number < kHalves; ++number)
    if (const auto records = half(number); !records.empty())
      format_records(records, record_format());
  return {};
}

Outcome<void> InlineDirectory::extend(std::size_t old_attribute_size) {
  const auto records = half(1);
  const std::size_t old_size = old_attribute_size & ~std::size_t{3};
  if (old_size >= records.size()) return {};
  if (old_size < kSmallestRecord) {
    format_records(records, record_format());
    return {};
  }
  if (!extend_last_record(records, record_format(), old_size))
    return broken("inline directory has a malformed entry");
  return {};
}

// All of them in the order of the listing; each one's cookie is its position plus one.
Outcome<std::vector<ListedEntry>> InlineDirectory::entries() {
  TRY(const std::uint32_t above, parent());
  const bool by_hash = format_.dir_index && format_.default_hash_version <= kMostHashVersion;
  const std::uint8_t directory = format_.file_types ? EXT2_FT_DIR : EXT2_FT_UNKNOWN;
  std::vector<Sortable> found;
  std::uint64_t base = kBehindDots;
  for (std::size_t number = 0; number < kHalves; ++number) {
    const auto records = half(number);
    RecordCursor cursor(records, format_.block_size);
    while (cursor.next()) {
      const Record& record = cursor.record();
      if (!record.used() || is_dot_name(record.name)) continue;
      if (!is_possible_name(record.name)) return broken("impossible file name");
      const auto hash = name_hash(format_, by_hash ? format_.default_hash_version : std::uint8_t{0},
                                  record.name, folding_);
      found.push_back(
          {.key = list_item(hash.value_or(0), static_cast<std::uint32_t>(number), record),
           .entry = {.inode = record.inode,
                     .type = format_.file_types ? record.type : std::uint8_t{0},
                     .name = record.name,
                     .next = base + record.offset + 1}});
    }
    if (cursor.broken()) return broken("inline directory has a malformed entry");
    base += records.size();
  }
  if (by_hash) number_by_hash(found);

  std::vector<ListedEntry> listed;
  listed.reserve(found.size() + 2);
  const std::uint64_t dot_dot = by_hash ? ListPosition::kDotDot : kDotDotAt;
  listed.push_back({.inode = inode_, .type = directory, .name = ".", .next = 1});
  listed.push_back({.inode = above, .type = directory, .name = "..", .next = dot_dot + 1});
  for (const auto& item : found) listed.push_back(item.entry);
  return listed;
}

Outcome<void> InlineDirectory::list(std::uint64_t cookie, ListVisitor visit) {
  TRY(const auto found, entries());
  // next > cookie: its position is the cookie or behind it.
  for (const auto& entry : found)
    if (entry.next > cookie && !visit(entry)) break;
  return {};
}

Outcome<void> convert_inline(InlineDirectory& from, Directory& to) {
  TRY(const std::uint32_t parent, from.parent());
  TRY_VOID(to.initialize(parent));
  Outcome<void> result;
  TRY_VOID(from.list(0, [&](const ListedEntry& entry) {
    if (!is_dot_name(entry.name))
      result = to.insert(entry.name, {.inode = entry.inode, .type = entry.type});
    return result.has_value();
  }));
  return result;
}

}  // namespace airlock::ext
