// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/listing.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "contained/runtime/read_only_files.h"
#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::size_t kRunHeader = 12;
constexpr std::size_t kEntryHeader = 8;
constexpr std::uint32_t kMostInRun = 256;
// As large as a listing of the most entries that the base walks along can be.
constexpr std::uint64_t kLargestListing = ReadOnlyFiles::kMostEntries * (kEntryHeader + 256);
constexpr std::array<mode_t, 8> kTypeOfEntry = {0,       S_IFDIR, S_IFREG, S_IFLNK,
                                                S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK};

// One entry of the index of a directory: a header is at `header` of the listing, in the metadata
// block at `block` of the table, and the first entry behind it has this name.
struct IndexEntry {
  std::uint32_t header = 0;
  std::uint32_t block = 0;
  std::string name;
};

Outcome<IndexEntry> read_index_entry(MetadataCursor& cursor) {
  TRY(const auto bytes, cursor.take<12>());
  IndexEntry entry = {.header = u32(bytes, 0), .block = u32(bytes, 4), .name = {}};
  const std::uint64_t length = std::uint64_t{u32(bytes, 8)} + 1;
  if (length > kMostInRun) return refuse(EIO);
  entry.name.resize(length);
  TRY_VOID(cursor.read(std::as_writable_bytes(std::span(entry.name))));
  return entry;
}

// Over the header of a run, if the cursor stands at one.
Outcome<void> enter_run(ListingPlace& place, std::uint64_t listing) {
  if (place.count != 0) return {};
  if (place.at > listing || listing - place.at < kRunHeader) return refuse(EIO);
  TRY(const auto bytes, place.cursor.take<kRunHeader>());
  const std::uint64_t count = std::uint64_t{u32(bytes, 0)} + 1;
  if (count > kMostInRun) return refuse(EIO);
  place.count = static_cast<std::uint32_t>(count);
  place.inode_block = u32(bytes, 4);
  place.at += kRunHeader;
  return {};
}

struct EntryHead {
  std::uint16_t inode_offset = 0;
  std::uint16_t type = 0;
  std::size_t name_length = 0;
};

// To the name of the entry the cursor stands at; the place counts the name as passed already.
Outcome<EntryHead> enter_entry(ListingPlace& place, std::uint64_t listing) {
  TRY(const auto bytes, place.cursor.take<kEntryHeader>());
  const EntryHead head = {.inode_offset = u16(bytes, 0),
                          .type = u16(bytes, 4),
                          .name_length = std::size_t{u16(bytes, 6)} + 1};
  place.at += kEntryHeader + head.name_length;
  if (place.at > listing) return refuse(EIO);
  return head;
}

}  // namespace

Outcome<std::uint64_t> Listings::position_near(const Inode& inode, std::string_view name) const {
  MetadataCursor cursor = inode.rest;
  std::uint64_t header = 0;
  for (std::uint16_t i = 0; i < inode.index_count; ++i) {
    TRY(const IndexEntry entry, read_index_entry(cursor));
    if (entry.name > name) break;
    header = entry.header;
  }
  return header << 8;
}

// At the last header the index knows that is not behind the wanted one.
Outcome<ListingPlace> Listings::nearest(const Inode& inode, std::uint64_t header) const {
  ListingPlace place = {
      .cursor = MetadataCursor(metadata_, table_ + inode.listing_block, inode.listing_offset)};
  MetadataCursor cursor = inode.rest;
  for (std::uint16_t i = 0; i < inode.index_count; ++i) {
    TRY(const IndexEntry entry, read_index_entry(cursor));
    if (entry.header > header) break;
    place.at = entry.header;
    place.cursor = MetadataCursor(
        metadata_, table_ + entry.block,
        static_cast<std::size_t>((inode.listing_offset + place.at) % Metadata::kBlockBytes));
  }
  return place;
}

Outcome<ListingPlace> Listings::find(std::uint64_t key, const Inode& inode,
                                     std::uint64_t position) const {
  if (auto kept = take_kept(key, position)) return *std::move(kept);
  const std::uint64_t header = position >> 8;
  const auto index = static_cast<std::uint32_t>(position & 0xff);
  if (header >= inode.size) return ListingPlace{.cursor = inode.rest, .at = header};
  TRY(ListingPlace place, nearest(inode, header));
  TRY_VOID(place.cursor.skip(header - place.at));
  place.at = place.header = header;
  while (place.index < index) {
    TRY_VOID(enter_run(place, inode.size));
    if (place.count <= index) return refuse(EIO);
    TRY(const EntryHead head, enter_entry(place, inode.size));
    TRY_VOID(place.cursor.skip(head.name_length));
    ++place.index;
  }
  return place;
}

Outcome<std::optional<Listings::Entry>> Listings::entry_at(std::uint64_t key, const Inode& inode,
                                                           std::uint64_t position) const {
  if (inode.size > kLargestListing) return refuse(EIO);
  TRY(ListingPlace place, find(key, inode, position));
  if (place.at >= inode.size && place.index == 0) return std::nullopt;
  TRY_VOID(enter_run(place, inode.size));
  TRY(const EntryHead head, enter_entry(place, inode.size));
  Entry entry = {.name = std::string(head.name_length, '\0'),
                 .reference = std::uint64_t{place.inode_block} << 16 | head.inode_offset,
                 .type = head.type < kTypeOfEntry.size() ? kTypeOfEntry[head.type] : 0};
  TRY_VOID(place.cursor.read(std::as_writable_bytes(std::span(entry.name))));
  if (++place.index == place.count) {
    place.header = place.at;
    place.index = place.count = 0;
  }
  entry.next = place.position();
  keep(key, place);
  return entry;
}

std::optional<ListingPlace> Listings::take_kept(std::uint64_t key, std::uint64_t position) const {
  const std::scoped_lock lock(mutex_);
  for (auto& kept : kept_) {
    if (!kept || kept->key != key || kept->place.position() != position) continue;
    auto place = std::move(kept->place);
    kept.reset();
    return place;
  }
  return std::nullopt;
}

void Listings::keep(std::uint64_t key, const ListingPlace& place) const {
  const std::scoped_lock lock(mutex_);
  for (auto& kept : kept_) {
    if (kept) continue;
    kept = {.key = key, .place = place};
    return;
  }
  kept_[oldest_++ % kept_.size()] = {.key = key, .place = place};
}

}  // namespace airlock::squashfs
