// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/file_driver.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "contained/fat/session.h"
#include "lib/base/byte_view.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kPreferredIo = 1u << 17;
constexpr std::uint32_t kStatSector = 512;
constexpr unsigned long kLongestNameShown = 255;
// The DOS attribute bits as four bytes, lowest first, as NTFS drivers show them.
constexpr std::string_view kDosAttributes = "system.dos_attrib";

}  // namespace

Outcome<FileDriver::Known> FileDriver::any_node(NodeId id) {
  TRY(Node* const node, nodes_.find(id));
  TRY(const FileInfo info, nodes_.info_of(*node));
  return Known{.node = node, .info = info};
}

Outcome<FileDriver::Known> FileDriver::file(NodeId id) {
  TRY(const Known found, any_node(id));
  if (found.info.is_directory()) return refuse(EISDIR);
  return found;
}

Outcome<Node*> FileDriver::directory_node(NodeId id) {
  TRY(const Known found, any_node(id));
  if (!found.info.is_directory()) return refuse(ENOTDIR);
  return found.node;
}

mode_t FileDriver::mode_of(const FileInfo& info) const {
  if (info.is_directory()) return S_IFDIR | (0777 & ~view_.directory_mask);
  mode_t mode = 0777 & ~view_.file_mask;
  if ((info.attributes & attribute::kReadOnly) != 0) mode &= ~static_cast<mode_t>(0222);
  return S_IFREG | mode;
}

Attributes FileDriver::attributes_of(NodeId id, const FileInfo& info) const {
  Attributes attributes = {.node = id};
  struct stat& stat = attributes.stat;
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  // FAT does not store the size of a directory, nor exFAT that of the root.
  const std::uint64_t size = info.is_directory() && info.size == 0 ? cluster_size : info.size;
  stat.st_ino = id;
  stat.st_mode = mode_of(info);
  stat.st_nlink = 1;
  stat.st_uid = view_.user;
  stat.st_gid = view_.group;
  stat.st_size = static_cast<off_t>(size);
  stat.st_blksize = kPreferredIo;
  stat.st_blocks = static_cast<blkcnt_t>(clusters_for(size) * (cluster_size / kStatSector));
  stat.st_mtim = from_zoned_time(info.modified, view_.zone);
  stat.st_ctim = stat.st_mtim;
  const bool was_read = info.read_last.time.date != 0;
  stat.st_atim = was_read ? from_zoned_time(info.read_last, view_.zone) : stat.st_mtim;
  return attributes;
}

ZonedTime FileDriver::present() const {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME, &time);
  return time_of(time);
}

void FileDriver::touch(FileInfo& info) const {
  info.modified = present();
  info.read_last = info.modified;
  if (!info.is_directory()) info.attributes |= attribute::kArchive;
}

Outcome<Attributes> FileDriver::attributes(NodeId node) {
  const Session session(volume_, nodes_);
  return attributes_of(node);
}

Outcome<Attributes> FileDriver::attributes_of(NodeId node) {
  TRY(const Known found, any_node(node));
  Attributes attributes = attributes_of(node, found.info);
  if (found.node->deleted) attributes.stat.st_nlink = 0;
  return attributes;
}

Outcome<std::string> FileDriver::read_link(NodeId) {
  return refuse(EINVAL);
}

Outcome<struct statvfs> FileDriver::statistics() {
  struct statvfs numbers = {};
  numbers.f_bsize = volume_.geometry().cluster_size;
  numbers.f_frsize = volume_.geometry().cluster_size;
  numbers.f_blocks = volume_.geometry().cluster_count;
  numbers.f_bfree = volume_.free_clusters();
  numbers.f_bavail = numbers.f_bfree;
  numbers.f_namemax = kLongestNameShown;
  return numbers;
}

// All files belong to the user of the mount; any other owner is refused.
Outcome<void> FileDriver::check_owner(const AttributeChange& change) const {
  const bool same = change.user.value_or(view_.user) == view_.user &&
                    change.group.value_or(view_.group) == view_.group;
  return same ? Outcome<void>{} : refuse(EPERM);
}

Outcome<Attributes> FileDriver::change_fields(NodeId node, const AttributeChange& change) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Known found, any_node(node));
  FileInfo& info = found.info;
  TRY_VOID(check_owner(change));
  // Of the permissions the medium stores only whether a file may be written; the others cannot
  // change.
  if (change.mode && !info.is_directory() && (0222 & ~view_.file_mask) != 0) {
    const bool writable = (*change.mode & 0222) != 0;
    info.attributes = static_cast<std::uint16_t>((info.attributes & ~attribute::kReadOnly) |
                                                 (writable ? 0 : attribute::kReadOnly));
  }
  if (change.access_now) info.read_last = present();
  if (change.access_time) info.read_last = time_of(*change.access_time);
  if (change.modify_now) info.modified = present();
  if (change.modify_time) info.modified = time_of(*change.modify_time);
  TRY_VOID(nodes_.store(*found.node, info));
  // The medium may store the times less exactly.
  return attributes_of(node);
}

Outcome<Attributes> FileDriver::change(NodeId node, const AttributeChange& change) {
  if (change.size) TRY_VOID(truncate(node, *change.size));
  return with_commits(volume_, [&] { return change_fields(node, change); });
}

Outcome<void> FileDriver::sync(NodeId, SyncScope) {
  return volume_.commit();
}
Outcome<void> FileDriver::sync_all() {
  return volume_.commit();
}

Outcome<std::string> FileDriver::get_attribute(NodeId node, std::string_view name) {
  if (name.starts_with("system.posix_acl")) return refuse(EOPNOTSUPP);
  if (name != kDosAttributes) return refuse(ENODATA);
  const Session session(volume_, nodes_);
  TRY(const Known found, any_node(node));
  const std::uint16_t bits = found.info.attributes;
  return std::string{static_cast<char>(bits), static_cast<char>(bits >> 8), 0, 0};
}

Outcome<std::string> FileDriver::list_attributes(NodeId) {
  return std::string(kDosAttributes) + '\0';
}

Outcome<void> FileDriver::set_bits(NodeId node, std::uint32_t bits) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Known found, any_node(node));
  // The kind of a file cannot be changed through its attributes.
  const std::uint32_t fixed = found.info.attributes & ~std::uint32_t{attribute::kSettable};
  if ((bits & ~std::uint32_t{attribute::kSettable}) != fixed) return refuse(EINVAL);
  found.info.attributes = static_cast<std::uint16_t>(bits);
  return nodes_.store(*found.node, found.info);
}

Outcome<void> FileDriver::set_attribute(NodeId node, std::string_view name,
                                        std::span<const std::byte> value, int flags) {
  if (name != kDosAttributes) return refuse(EOPNOTSUPP);
  if (flags == XATTR_CREATE) return refuse(EEXIST);
  const auto bits = load_le<std::uint32_t>(value, 0);
  if (!bits || value.size() != sizeof(*bits)) return refuse(EINVAL);
  return with_commits(volume_, [&] { return set_bits(node, *bits); });
}

Outcome<void> FileDriver::remove_attribute(NodeId, std::string_view name) {
  return refuse(name == kDosAttributes ? EPERM : ENODATA);
}

// Tells the medium which clusters are free within `length` bytes from `start` on, in runs of at
// least `minimum`.
Outcome<std::uint64_t> FileDriver::trim(std::uint64_t start, std::uint64_t length,
                                        std::uint64_t minimum) {
  const Geometry& geometry = volume_.geometry();
  // Clusters freed before are free on the medium after the second commit.
  TRY_VOID(volume_.commit());
  TRY_VOID(volume_.commit());
  const std::uint64_t end = start + std::min(length, ~std::uint64_t{0} - start);
  std::uint64_t trimmed = 0;
  for (std::uint32_t segment = 0; segment < volume_.space().segment_count(); ++segment) {
    // The lock is held while a segment is discarded, so that no other operation allocates from it.
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(const auto runs, volume_.space().free_runs(segment));
    for (const ClusterRun& run : runs) {
      const std::uint64_t from = geometry.cluster_offset(run.start);
      const std::uint64_t size = std::uint64_t{run.count} * geometry.cluster_size;
      if (from < start || from + size > end || size < minimum) continue;
      TRY_VOID(volume_.discard(run));
      trimmed += size;
    }
  }
  return trimmed;
}

// Releases the clusters of an unreachable file, or the last of them if it is in very many pieces;
// false if there are more. A damaged chain is left to the checker.
Outcome<bool> FileDriver::release_chain(Node& node, Volume::Content content) {
  if (node.chain.first() == 0) return true;
  TRY_VOID(volume_.begin_change());
  TRY_VOID(node.chain.length(volume_.table()));
  const std::uint32_t left = node.chain.length_without(kMostPiecesAtOnce);
  TRY(auto dropped, node.chain.cut(volume_.table(), left));
  volume_.release(std::move(dropped), 0, content);
  if (left == 0) node.chain = volume_.empty_chain();
  return left == 0;
}

bool FileDriver::forgotten(NodeId node) {
  const Session session(volume_, nodes_);
  return nodes_.waits_for_end(node);
}

void FileDriver::gone(NodeId node) {
  while (true) {
    // Runs to the end even when the driver ends: no caller waits for it.
    const auto all = with_commits(volume_, [&] { return free_space_of(node); });
    // The released pieces leave memory once they are committed. A failing commit logs its error.
    if (!all || *all || !volume_.commit()) return;
  }
}

// False if there are more.
Outcome<bool> FileDriver::free_space_of(NodeId node) {
  const Session session(volume_, nodes_);
  Node* const ended = nodes_.ended(node);
  if (ended == nullptr) return true;
  if (const auto known = learn(*ended, kAllClusters); !known && known.error().value == kAnotherTurn)
    return refuse(kAnotherTurn);
  const auto released = release_chain(*ended, Volume::Content::kData);
  if (released && !*released) return false;
  if (!released)
    log(LogLevel::kWarning, "the space of a deleted file could not be freed; {} will find it",
        volume_.checker());
  nodes_.drop(node);
  return true;
}

Outcome<void> FileDriver::unmounted() {
  std::vector<NodeId> left;
  {
    const Session session(volume_, nodes_);
    left = nodes_.deleted_ids();
  }
  for (const NodeId node : left) gone(node);
  return volume_.close();
}

}  // namespace airlock::fat
