// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/fat_driver.h"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "contained/fat/session.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

constexpr std::uint32_t kPreferredIo = 1u << 17;
constexpr std::uint32_t kStatSector = 512;
constexpr unsigned long kLongestNameShown = 255;
// The attribute bits of DOS as four bytes, lowest first, like NTFS drivers show them.
constexpr std::string_view kDosAttributes = "system.dos_attrib";

timespec now() {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return time;
}

}  // namespace

FatDriver::FatDriver(Volume& volume, const View& view)
    : volume_(volume), view_(view), nodes_(volume) {}

Outcome<Node*> FatDriver::file(NodeId id) {
  TRY(Node* const node, nodes_.find(id));
  TRY(const Slot slot, nodes_.slot_of(*node));
  if (slot.is_directory()) return refuse(EISDIR);
  return node;
}

Outcome<Node*> FatDriver::directory_node(NodeId id) {
  TRY(Node* const node, nodes_.find(id));
  TRY(const Slot slot, nodes_.slot_of(*node));
  if (!slot.is_directory()) return refuse(ENOTDIR);
  return node;
}

mode_t FatDriver::mode_of(const Slot& slot) const {
  if (slot.is_directory()) return S_IFDIR | (0777 & ~view_.directory_mask);
  mode_t mode = 0777 & ~view_.file_mask;
  if ((slot.attributes() & attribute::kReadOnly) != 0) mode &= ~static_cast<mode_t>(0222);
  return S_IFREG | mode;
}

Attributes FatDriver::attributes_of(NodeId id, const Slot& slot) const {
  Attributes attributes = {.node = id};
  struct stat& stat = attributes.stat;
  const std::uint32_t cluster_size = volume_.geometry().cluster_size;
  const bool directory = slot.is_directory();
  const std::uint64_t size = directory ? cluster_size : slot.size();
  stat.st_ino = id;
  stat.st_mode = mode_of(slot);
  stat.st_nlink = 1;
  stat.st_uid = view_.user;
  stat.st_gid = view_.group;
  stat.st_size = static_cast<off_t>(size);
  stat.st_blksize = kPreferredIo;
  stat.st_blocks =
      static_cast<blkcnt_t>((size + cluster_size - 1) / cluster_size * cluster_size / kStatSector);
  stat.st_mtim = from_dos_time(slot.modified(), view_.zone);
  stat.st_ctim = stat.st_mtim;
  stat.st_atim =
      slot.read_last().date != 0 ? from_dos_time(slot.read_last(), view_.zone) : stat.st_mtim;
  return attributes;
}

Outcome<Attributes> FatDriver::attributes_of(Node& node) {
  TRY(const Slot slot, nodes_.slot_of(node));
  Attributes attributes = attributes_of(node.id, slot);
  if (node.deleted) attributes.stat.st_nlink = 0;
  return attributes;
}

void FatDriver::touch(const Slot& slot) const {
  const DosTime time = to_dos_time(now(), view_.zone);
  slot.set_modified(time);
  slot.set_read_last(time);
  if (!slot.is_directory())
    slot.set_attributes(static_cast<std::uint8_t>(slot.attributes() | attribute::kArchive));
}

Outcome<Attributes> FatDriver::attributes(NodeId node) {
  const Session session(volume_, nodes_);
  TRY(Node* const found, nodes_.find(node));
  return attributes_of(*found);
}

Outcome<std::string> FatDriver::read_link(NodeId) {
  return refuse(EINVAL);
}

Outcome<struct statvfs> FatDriver::statistics() {
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
Outcome<void> FatDriver::check_owner(const AttributeChange& change) const {
  const bool same = change.user.value_or(view_.user) == view_.user &&
                    change.group.value_or(view_.group) == view_.group;
  return same ? Outcome<void>{} : refuse(EPERM);
}

Outcome<Attributes> FatDriver::change_fields(NodeId node, const AttributeChange& change) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const found, nodes_.find(node));
  TRY(const Slot slot, nodes_.slot_of(*found));
  TRY_VOID(check_owner(change));
  // Of permissions the medium only knows whether a file may be written; the rest stays as it is.
  if (change.mode && !slot.is_directory() && (0222 & ~view_.file_mask) != 0) {
    const bool writable = (*change.mode & 0222) != 0;
    slot.set_attributes(static_cast<std::uint8_t>((slot.attributes() & ~attribute::kReadOnly) |
                                                  (writable ? 0 : attribute::kReadOnly)));
  }
  const timespec time = now();
  if (change.access_now) slot.set_read_last(to_dos_time(time, view_.zone));
  if (change.access_time) slot.set_read_last(to_dos_time(*change.access_time, view_.zone));
  if (change.modify_now) slot.set_modified(to_dos_time(time, view_.zone));
  if (change.modify_time) slot.set_modified(to_dos_time(*change.modify_time, view_.zone));
  nodes_.slot_changed(*found);
  return attributes_of(*found);
}

Outcome<Attributes> FatDriver::change(NodeId node, const AttributeChange& change) {
  if (change.size) TRY_VOID(truncate(node, *change.size));
  return change_fields(node, change);
}

Outcome<void> FatDriver::sync(NodeId, SyncScope) {
  return volume_.commit();
}
Outcome<void> FatDriver::sync_all() {
  return volume_.commit();
}

Outcome<std::string> FatDriver::get_attribute(NodeId node, std::string_view name) {
  if (name.starts_with("system.posix_acl")) return refuse(EOPNOTSUPP);
  if (name != kDosAttributes) return refuse(ENODATA);
  const Session session(volume_, nodes_);
  TRY(Node* const found, nodes_.find(node));
  TRY(const Slot slot, nodes_.slot_of(*found));
  return std::string{static_cast<char>(slot.attributes()), 0, 0, 0};
}

Outcome<std::string> FatDriver::list_attributes(NodeId) {
  return std::string(kDosAttributes) + '\0';
}

Outcome<void> FatDriver::set_attribute(NodeId node, std::string_view name,
                                       std::span<const std::byte> value, int flags) {
  if (name != kDosAttributes) return refuse(EOPNOTSUPP);
  if (flags == XATTR_CREATE) return refuse(EEXIST);
  const auto bits = load_le<std::uint32_t>(value, 0);
  if (!bits || value.size() != sizeof(*bits)) return refuse(EINVAL);
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const found, nodes_.find(node));
  TRY(const Slot slot, nodes_.slot_of(*found));
  // What a file is cannot be changed by saying so.
  const std::uint32_t fixed = slot.attributes() & ~std::uint32_t{attribute::kSettable};
  if ((*bits & ~std::uint32_t{attribute::kSettable}) != fixed) return refuse(EINVAL);
  slot.set_attributes(static_cast<std::uint8_t>(*bits));
  nodes_.slot_changed(*found);
  return {};
}

Outcome<void> FatDriver::remove_attribute(NodeId, std::string_view name) {
  return refuse(name == kDosAttributes ? EPERM : ENODATA);
}

Outcome<std::uint64_t> FatDriver::trim(std::uint64_t start, std::uint64_t length,
                                       std::uint64_t minimum) {
  return discard_free_space(volume_, nodes_, start, length, minimum);
}

// The clusters of a file nobody can reach any more. A damaged chain is left to fsck.
Outcome<void> FatDriver::release_chain(Node& node, Volume::Content content) {
  if (node.chain.first() == 0) return {};
  TRY_VOID(volume_.begin_change());
  TRY_VOID(node.chain.length(volume_.table()));
  volume_.release(node.chain.cut(0), 0, content);
  return {};
}

bool FatDriver::forgotten(NodeId node) {
  const Session session(volume_, nodes_);
  return nodes_.waits_for_end(node);
}

void FatDriver::gone(NodeId node) {
  const Session session(volume_, nodes_);
  Node* const ended = nodes_.ended(node);
  if (ended == nullptr) return;
  if (!release_chain(*ended, Volume::Content::kData))
    log(LogLevel::kWarning,
        "the space of a deleted file could not be freed; fsck.fat will find it");
  nodes_.drop(node);
}

void FatDriver::unmounted() {
  std::vector<NodeId> left;
  {
    const Session session(volume_, nodes_);
    left = nodes_.deleted_ids();
  }
  for (const NodeId node : left) gone(node);
  if (!volume_.close()) log(LogLevel::kError, "the volume could not be marked clean");
}

}  // namespace airlock::fat
