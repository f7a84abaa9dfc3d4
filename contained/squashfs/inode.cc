// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/inode.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>

#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

// Types 1 to 7, and the same from 8 on in a form that has everything.
constexpr std::uint16_t kTypes = 7;
constexpr std::array<mode_t, kTypes> kKinds = {S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK,
                                               S_IFCHR, S_IFIFO, S_IFSOCK};
constexpr mode_t kPermissions = 07777;
// A longer target could not stand between a link and its attributes.
constexpr std::uint32_t kLongestTarget = 65536;
constexpr std::uint64_t kDotsInSize = 3;

std::uint64_t listing_size(std::uint64_t told) {
  return told > kDotsInSize ? told - kDotsInSize : 0;
}

// As Linux packs it: 12 bits of major between 8 and 12 bits of minor.
dev_t device_of(std::uint32_t packed) {
  return makedev((packed >> 8) & 0xfff, (packed & 0xff) | ((packed >> 12) & 0xfff00));
}

Outcome<void> read_directory(Inode& inode) {
  TRY(const auto bytes, inode.rest.take<16>());
  inode.listing_block = u32(bytes, 0);
  inode.links = u32(bytes, 4);
  inode.size = listing_size(u16(bytes, 8));
  inode.listing_offset = u16(bytes, 10);
  inode.parent = u32(bytes, 12);
  return {};
}

Outcome<void> read_whole_directory(Inode& inode) {
  TRY(const auto bytes, inode.rest.take<24>());
  inode.links = u32(bytes, 0);
  inode.size = listing_size(u32(bytes, 4));
  inode.listing_block = u32(bytes, 8);
  inode.parent = u32(bytes, 12);
  inode.index_count = u16(bytes, 16);
  inode.listing_offset = u16(bytes, 18);
  inode.attributes = u32(bytes, 20);
  return {};
}

Outcome<void> read_file(Inode& inode) {
  TRY(const auto bytes, inode.rest.take<16>());
  inode.start = u32(bytes, 0);
  inode.fragment = u32(bytes, 4);
  inode.fragment_offset = u32(bytes, 8);
  inode.size = u32(bytes, 12);
  return {};
}

Outcome<void> read_whole_file(Inode& inode) {
  TRY(const auto bytes, inode.rest.take<40>());
  inode.start = u64(bytes, 0);
  inode.size = u64(bytes, 8);
  inode.holes = u64(bytes, 16);
  inode.links = u32(bytes, 24);
  inode.fragment = u32(bytes, 28);
  inode.fragment_offset = u32(bytes, 32);
  inode.attributes = u32(bytes, 36);
  return {};
}

Outcome<void> read_target(Inode& inode, bool whole) {
  TRY(const auto bytes, inode.rest.take<8>());
  inode.links = u32(bytes, 0);
  inode.size = u32(bytes, 4);
  if (!whole) return {};
  if (inode.size > kLongestTarget) return refuse(EIO);
  MetadataCursor behind = inode.rest;
  TRY_VOID(behind.skip(inode.size));
  TRY(const auto attributes, behind.take<4>());
  inode.attributes = u32(attributes, 0);
  return {};
}

Outcome<void> read_special(Inode& inode, bool whole) {
  TRY(const auto links, inode.rest.take<4>());
  inode.links = u32(links, 0);
  if (S_ISBLK(inode.mode) || S_ISCHR(inode.mode)) {
    TRY(const auto device, inode.rest.take<4>());
    inode.device = device_of(u32(device, 0));
  }
  if (!whole) return {};
  TRY(const auto attributes, inode.rest.take<4>());
  inode.attributes = u32(attributes, 0);
  return {};
}

Outcome<void> read_kind(Inode& inode, bool whole) {
  if (S_ISDIR(inode.mode)) return whole ? read_whole_directory(inode) : read_directory(inode);
  if (S_ISREG(inode.mode)) return whole ? read_whole_file(inode) : read_file(inode);
  if (S_ISLNK(inode.mode)) return read_target(inode, whole);
  return read_special(inode, whole);
}

}  // namespace

Outcome<Inode> read_inode(const Metadata& metadata, std::uint64_t table, std::uint64_t reference) {
  Inode inode = {.rest = MetadataCursor(metadata, table + (reference >> 16), reference & 0xffff)};
  TRY(const auto bytes, inode.rest.take<16>());
  const std::uint16_t type = u16(bytes, 0);
  if (type == 0 || type > 2 * kTypes) return refuse(EIO);
  inode.mode = kKinds[(type - 1u) % kTypes] | (u16(bytes, 2) & kPermissions);
  inode.user = u16(bytes, 4);
  inode.group = u16(bytes, 6);
  inode.modified = u32(bytes, 8);
  TRY_VOID(read_kind(inode, type > kTypes));
  return inode;
}

}  // namespace airlock::squashfs
