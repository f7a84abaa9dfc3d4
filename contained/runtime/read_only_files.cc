// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/read_only_files.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>

namespace airlock {
namespace {

constexpr NodeId kRoot = 1;
// Cookies: "." is at 0, ".." at 1, and what is at position p of the format at p + 2.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDots = 2;
// A cookie is an off_t for the kernel.
constexpr std::uint64_t kLargestSize = std::numeric_limits<off_t>::max();
// Behind an entry that does not lead on. Continuing there is an error, also in a later request.
constexpr std::uint64_t kNowhere = kLargestSize - kAfterDots;
constexpr std::uint32_t kPreferredIo = 1u << 17;
constexpr std::uint64_t kStatSector = 512;

bool is_usable_name(std::string_view name) {
  return !name.empty() && name.size() <= NAME_MAX && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Along the entries of a directory, for as long as they lead on and are not too many.
class EntryWalk {
 public:
  EntryWalk(const ReadOnlyFormat& format, NodeId directory, std::uint64_t position)
      : format_(format), directory_(directory), position_(position) {}

  Outcome<std::optional<DirectoryEntry>> next() {
    if (position_ >= kNowhere || steps_++ == ReadOnlyFiles::kMostEntries) return refuse(EIO);
    TRY(auto entry, format_.entry_at(directory_, position_));
    if (!entry) return entry;
    if (entry->next <= position_ || entry->next > kNowhere) entry->next = kNowhere;
    position_ = entry->next;
    return entry;
  }

  Outcome<std::optional<DirectoryEntry>> next_usable() {
    for (;;) {
      TRY(auto entry, next());
      if (!entry || is_usable_name(entry->name)) return entry;
    }
  }

 private:
  const ReadOnlyFormat& format_;
  NodeId directory_;
  std::uint64_t position_;
  std::uint64_t steps_ = 0;
};

}  // namespace

NodeId ReadOnlyFiles::number_on_medium(NodeId node) const {
  return node == kRoot ? format_.volume().root : node;
}

Outcome<NodeId> ReadOnlyFiles::number_for_kernel(NodeId number) const {
  if (number == format_.volume().root) return kRoot;
  if (number <= kRoot) return refuse(EIO);
  return number;
}

Outcome<NodeInfo> ReadOnlyFiles::info(NodeId number) const {
  TRY(const NodeInfo info, format_.info(number));
  if (info.size > kLargestSize) return refuse(EIO);
  return info;
}

Outcome<void> ReadOnlyFiles::require_directory(NodeId number) const {
  TRY(const NodeInfo found, info(number));
  return S_ISDIR(found.mode) ? Outcome<void>{} : refuse(ENOTDIR);
}

Outcome<std::optional<NodeId>> ReadOnlyFiles::find(NodeId directory, std::string_view name) const {
  TRY(const std::uint64_t start, format_.position_near(directory, name));
  const bool sorted = format_.volume().order == NameOrder::kBytes;
  EntryWalk walk(format_, directory, start);
  for (;;) {
    TRY(const auto entry, walk.next());
    if (!entry) return std::nullopt;
    if (entry->name == name) return entry->node;
    if (sorted && entry->name > name) return std::nullopt;
  }
}

Outcome<Attributes> ReadOnlyFiles::attributes_of(NodeId number) const {
  TRY(const NodeId node, number_for_kernel(number));
  TRY(const NodeInfo found, info(number));
  const bool mine = owners_ == MediaOwners::kUser;
  Attributes attributes = {.node = node};
  struct stat& stat = attributes.stat;
  stat.st_ino = node;
  stat.st_mode = found.mode;
  stat.st_nlink = found.links;
  stat.st_uid = mine ? user_ : found.user;
  stat.st_gid = mine ? group_ : found.group;
  stat.st_rdev = found.device;
  stat.st_size = static_cast<off_t>(found.size);
  stat.st_blksize = kPreferredIo;
  const std::uint64_t occupied = found.size - std::min(found.holes, found.size);
  stat.st_blocks = static_cast<blkcnt_t>((occupied + kStatSector - 1) / kStatSector);
  stat.st_atim = stat.st_mtim = stat.st_ctim = found.modified;
  return attributes;
}

Outcome<Attributes> ReadOnlyFiles::lookup(NodeId parent, std::string_view name) {
  const NodeId directory = number_on_medium(parent);
  TRY_VOID(require_directory(directory));
  if (name.size() > NAME_MAX) return refuse(ENAMETOOLONG);
  TRY(const auto found, find(directory, name));
  if (!found) return refuse(ENOENT);
  return attributes_of(*found);
}

Outcome<Attributes> ReadOnlyFiles::attributes(NodeId node) {
  return attributes_of(number_on_medium(node));
}

// A broken node must not hide its neighbours: its name is listed, looking at it fails.
Attributes ReadOnlyFiles::listed(NodeId number, mode_t type, DirectoryDetail detail) const {
  if (detail == DirectoryDetail::kAttributes)
    if (auto whole = attributes_of(number)) return *whole;
  Attributes attributes;
  attributes.stat.st_ino = number_for_kernel(number).value_or(number);
  attributes.stat.st_mode = type & S_IFMT;
  return attributes;
}

// Only the number of ".." is shown. Where the medium does not say it, the directory's own has to
// do, as in the root.
Attributes ReadOnlyFiles::listed_parent(NodeId directory) const {
  auto found = format_.parent(directory);
  if (!found || !*found) found = find(directory, "..");
  const NodeId number = found && *found ? **found : directory;
  return listed(number, S_IFDIR, DirectoryDetail::kNames);
}

Outcome<void> ReadOnlyFiles::list(NodeId node, std::uint64_t cookie, DirectoryDetail detail,
                                  EntrySink& sink) {
  const NodeId directory = number_on_medium(node);
  TRY_VOID(require_directory(directory));
  EntryWalk walk(format_, directory, cookie < kAfterDots ? 0 : cookie - kAfterDots);
  // Before the dots, so that what cannot be read is an error and not an empty directory.
  TRY(auto entry, walk.next_usable());
  if (cookie < kAfterDot &&
      !sink.add(".", listed(directory, S_IFDIR, DirectoryDetail::kNames), kAfterDot))
    return {};
  if (cookie < kAfterDots && !sink.add("..", listed_parent(directory), kAfterDots)) return {};
  while (entry) {
    const Attributes attributes = listed(entry->node, entry->type, detail);
    if (!sink.add(entry->name, attributes, entry->next + kAfterDots)) return {};
    TRY(entry, walk.next_usable());
  }
  return {};
}

Outcome<std::size_t> ReadOnlyFiles::read(NodeId node, std::uint64_t offset,
                                         std::span<std::byte> into) {
  const NodeId number = number_on_medium(node);
  TRY(const NodeInfo found, info(number));
  if (S_ISDIR(found.mode)) return refuse(EISDIR);
  if (!S_ISREG(found.mode)) return refuse(EINVAL);
  if (offset >= found.size) return 0;
  into = into.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), found.size - offset)));
  TRY_VOID(format_.read(number, offset, into));
  return into.size();
}

Outcome<std::string> ReadOnlyFiles::read_link(NodeId node) {
  const NodeId number = number_on_medium(node);
  TRY(const NodeInfo found, info(number));
  if (!S_ISLNK(found.mode)) return refuse(EINVAL);
  if (found.size == 0 || found.size >= PATH_MAX) return refuse(EIO);
  TRY(auto target, format_.link_target(number, static_cast<std::size_t>(found.size)));
  if (target.empty() || target.size() >= PATH_MAX || target.find('\0') != std::string::npos)
    return refuse(EIO);
  return target;
}

Outcome<struct statvfs> ReadOnlyFiles::statistics() {
  const VolumeInfo& volume = format_.volume();
  struct statvfs numbers = {};
  numbers.f_bsize = volume.block_size;
  numbers.f_frsize = volume.block_size;
  numbers.f_blocks = volume.size / volume.block_size + (volume.size % volume.block_size != 0);
  numbers.f_namemax = NAME_MAX;
  return numbers;
}

Outcome<std::string> ReadOnlyFiles::get_attribute(NodeId node, std::string_view name) {
  return format_.attribute(number_on_medium(node), name);
}
Outcome<std::string> ReadOnlyFiles::list_attributes(NodeId node) {
  return format_.attribute_names(number_on_medium(node));
}

Outcome<void> ReadOnlyFiles::allocate(NodeId, int, std::uint64_t, std::uint64_t) {
  return refuse(EROFS);
}
Outcome<void> ReadOnlyFiles::set_attribute(NodeId, std::string_view, std::span<const std::byte>,
                                           int) {
  return refuse(EROFS);
}
Outcome<void> ReadOnlyFiles::remove_attribute(NodeId, std::string_view) {
  return refuse(EROFS);
}
Outcome<std::uint64_t> ReadOnlyFiles::trim(std::uint64_t, std::uint64_t, std::uint64_t) {
  return refuse(EROFS);
}

}  // namespace airlock
