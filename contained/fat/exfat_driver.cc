// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_driver.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "contained/fat/session.h"
#include "contained/fat/slot.h"
#include "lib/base/byte_view.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kPreferredIo = 1u << 17;
constexpr std::uint32_t kStatSector = 512;
constexpr unsigned long kLongestNameShown = 255;
// The attribute bits as four bytes, lowest first, like NTFS drivers show them.
constexpr std::string_view kDosAttributes = "system.dos_attrib";

timespec now() {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return time;
}

}  // namespace

ExfatDriver::ExfatDriver(Volume& volume, const UpcaseTable& upcase, const View& view)
    : volume_(volume), upcase_(upcase), view_(view), nodes_(volume) {}

Outcome<ExfatNode*> ExfatDriver::file(NodeId id) {
  TRY(ExfatNode* const node, nodes_.find(id));
  TRY(const FileInfo info, nodes_.info_of(*node));
  if ((info.attributes & attribute::kDirectory) != 0) return refuse(EISDIR);
  return node;
}

Outcome<ExfatNode*> ExfatDriver::directory_node(NodeId id) {
  TRY(ExfatNode* const node, nodes_.find(id));
  TRY(const FileInfo info, nodes_.info_of(*node));
  if ((info.attributes & attribute::kDirectory) == 0) return refuse(ENOTDIR);
  return node;
}

mode_t ExfatDriver::mode_of(const FileInfo& info) const {
  if ((info.attributes & attribute::kDirectory) != 0)
    return S_IFDIR | (0777 & ~view_.directory_mask);
  mode_t mode = 0777 & ~view_.file_mask;
  if ((info.attributes & attribute::kReadOnly) != 0) mode &= ~static_cast<mode_t>(0222);
  return S_IFREG | mode;
}

Attributes ExfatDriver::attributes_of(NodeId id, const FileInfo& info) const {
  Attributes attributes = {.node = id};
  struct stat& stat = attributes.stat;
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  const std::uint64_t size = id == ExfatNodes::kRoot ? cluster_size : info.size;
  stat.st_ino = id;
  stat.st_mode = mode_of(info);
  stat.st_nlink = 1;
  stat.st_uid = view_.user;
  stat.st_gid = view_.group;
  stat.st_size = static_cast<off_t>(size);
  stat.st_blksize = kPreferredIo;
  stat.st_blocks = static_cast<blkcnt_t>((size + cluster_size - 1) / cluster_size *
                                         (cluster_size / kStatSector));
  stat.st_mtim = from_zoned_time(info.modified, view_.zone);
  stat.st_ctim = stat.st_mtim;
  stat.st_atim = from_zoned_time(info.read_last, view_.zone);
  return attributes;
}

Outcome<Attributes> ExfatDriver::attributes_of(ExfatNode& node) {
  TRY(const FileInfo info, nodes_.info_of(node));
  Attributes attributes = attributes_of(node.id, info);
  if (node.deleted) attributes.stat.st_nlink = 0;
  return attributes;
}

void ExfatDriver::touch(FileInfo& info) const {
  info.modified = to_zoned_time(now(), view_.zone);
  info.read_last = info.modified;
  if ((info.attributes & attribute::kDirectory) == 0) info.attributes |= attribute::kArchive;
}

Outcome<Attributes> ExfatDriver::attributes(NodeId node) {
  const Session session(volume_, nodes_);
  TRY(ExfatNode* const found, nodes_.find(node));
  return attributes_of(*found);
}

Outcome<std::string> ExfatDriver::read_link(NodeId) {
  return refuse(EINVAL);
}

Outcome<struct statvfs> ExfatDriver::statistics() {
  const Session session(volume_, nodes_);
  struct statvfs numbers = {};
  numbers.f_bsize = volume_.geometry().cluster_size;
  numbers.f_frsize = volume_.geometry().cluster_size;
  numbers.f_blocks = volume_.geometry().cluster_count;
  TRY(numbers.f_bfree, volume_.space().count());
  numbers.f_bavail = numbers.f_bfree;
  numbers.f_namemax = kLongestNameShown;
  return numbers;
}

// Everything is the user's; giving it to the user changes nothing, anything else cannot be.
Outcome<void> ExfatDriver::check_owner(const AttributeChange& change) const {
  const bool same = change.user.value_or(view_.user) == view_.user &&
                    change.group.value_or(view_.group) == view_.group;
  return same ? Outcome<void>{} : refuse(EPERM);
}

Outcome<Attributes> ExfatDriver::change_fields(NodeId node, const AttributeChange& change) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(ExfatNode* const found, nodes_.find(node));
  TRY(FileInfo info, nodes_.info_of(*found));
  TRY_VOID(check_owner(change));
  // Of permissions the medium only knows whether a file may be written; the rest stays as it is.
  if (change.mode && (info.attributes & attribute::kDirectory) == 0 &&
      (0222 & ~view_.file_mask) != 0) {
    const bool writable = (*change.mode & 0222) != 0;
    info.attributes = static_cast<std::uint16_t>((info.attributes & ~attribute::kReadOnly) |
                                                 (writable ? 0 : attribute::kReadOnly));
  }
  const timespec time = now();
  if (change.access_now) info.read_last = to_zoned_time(time, view_.zone);
  if (change.access_time) info.read_last = to_zoned_time(*change.access_time, view_.zone);
  if (change.modify_now) info.modified = to_zoned_time(time, view_.zone);
  if (change.modify_time) info.modified = to_zoned_time(*change.modify_time, view_.zone);
  TRY_VOID(nodes_.store(*found, info));
  return attributes_of(*found);
}

Outcome<Attributes> ExfatDriver::change(NodeId node, const AttributeChange& change) {
  if (change.size) TRY_VOID(truncate(node, *change.size));
  return with_commits(volume_, [&] { return change_fields(node, change); });
}

Outcome<void> ExfatDriver::sync(NodeId, SyncScope) {
  return volume_.commit();
}
Outcome<void> ExfatDriver::sync_all() {
  return volume_.commit();
}

Outcome<std::string> ExfatDriver::get_attribute(NodeId node, std::string_view name) {
  if (name.starts_with("system.posix_acl")) return refuse(EOPNOTSUPP);
  if (name != kDosAttributes) return refuse(ENODATA);
  const Session session(volume_, nodes_);
  TRY(ExfatNode* const found, nodes_.find(node));
  TRY(const FileInfo info, nodes_.info_of(*found));
  return std::string{static_cast<char>(info.attributes), static_cast<char>(info.attributes >> 8), 0,
                     0};
}

Outcome<std::string> ExfatDriver::list_attributes(NodeId) {
  return std::string(kDosAttributes) + '\0';
}

Outcome<void> ExfatDriver::set_bits(NodeId node, std::uint32_t bits) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(ExfatNode* const found, nodes_.find(node));
  TRY(FileInfo info, nodes_.info_of(*found));
  // What a file is cannot be changed by saying so.
  const std::uint32_t fixed = info.attributes & ~std::uint32_t{attribute::kSettable};
  if ((bits & ~std::uint32_t{attribute::kSettable}) != fixed) return refuse(EINVAL);
  info.attributes = static_cast<std::uint16_t>(bits);
  return nodes_.store(*found, info);
}

Outcome<void> ExfatDriver::set_attribute(NodeId node, std::string_view name,
                                         std::span<const std::byte> value, int flags) {
  if (name != kDosAttributes) return refuse(EOPNOTSUPP);
  if (flags == XATTR_CREATE) return refuse(EEXIST);
  const auto bits = load_le<std::uint32_t>(value, 0);
  if (!bits || value.size() != sizeof(*bits)) return refuse(EINVAL);
  return with_commits(volume_, [&] { return set_bits(node, *bits); });
}

Outcome<void> ExfatDriver::remove_attribute(NodeId, std::string_view name) {
  return refuse(name == kDosAttributes ? EPERM : ENODATA);
}

Outcome<std::uint64_t> ExfatDriver::trim(std::uint64_t start, std::uint64_t length,
                                         std::uint64_t minimum) {
  return discard_free_space(volume_, nodes_, start, length, minimum);
}

// The clusters of a file nobody can reach any more. A damaged chain is left to fsck.
Outcome<void> ExfatDriver::release_chain(ExfatNode& node, Volume::Content content) {
  if (node.chain.first() == 0) return {};
  TRY_VOID(volume_.begin_change());
  TRY_VOID(node.chain.length(volume_.table()));
  volume_.release(node.chain.cut(0), 0, content);
  node.chain = ClusterChain::contiguous({});
  return {};
}

bool ExfatDriver::forgotten(NodeId node) {
  const Session session(volume_, nodes_);
  return nodes_.waits_for_end(node);
}

void ExfatDriver::gone(NodeId node) {
  const Session session(volume_, nodes_);
  ExfatNode* const ended = nodes_.ended(node);
  if (ended == nullptr) return;
  if (!release_chain(*ended, Volume::Content::kData))
    log(LogLevel::kWarning,
        "the space of a deleted file could not be freed; fsck.exfat will find it");
  nodes_.drop(node);
}

void ExfatDriver::unmounted() {
  std::vector<NodeId> left;
  {
    const Session session(volume_, nodes_);
    left = nodes_.deleted_ids();
  }
  for (const NodeId node : left) gone(node);
  if (!volume_.close()) log(LogLevel::kError, "the volume could not be marked clean");
}

}  // namespace airlock::fat
