// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/inode.h"

#include <sys/sysmacros.h>

#include <algorithm>

namespace airlock::ext {
namespace {

constexpr std::size_t kOldSize = EXT2_GOOD_OLD_INODE_SIZE;
constexpr std::uint32_t kEpochBits = 2;
constexpr std::uint32_t kEpochMask = (1u << kEpochBits) - 1;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Seconds are a signed 32-bit number plus two bits in the extra field that count its wraps.
timespec decode_time(std::uint32_t seconds, std::uint32_t extra) {
  timespec time = {};
  time.tv_sec = static_cast<std::int32_t>(seconds);
  time.tv_sec += static_cast<std::int64_t>(extra & kEpochMask) << 32;
  time.tv_nsec =
      static_cast<long>(std::min<std::int64_t>(extra >> kEpochBits, kNanosecondsPerSecond - 1));
  return time;
}

std::uint32_t encode_extra(timespec time) {
  const std::int64_t low = static_cast<std::int32_t>(time.tv_sec);
  const auto epoch = static_cast<std::uint32_t>((time.tv_sec - low) >> 32) & kEpochMask;
  return epoch | static_cast<std::uint32_t>(time.tv_nsec) << kEpochBits;
}

std::int64_t clamp_seconds(std::int64_t seconds, bool wide) {
  const std::int64_t last = wide ? (std::int64_t{3} << 32) + INT32_MAX : INT32_MAX;
  return std::clamp<std::int64_t>(seconds, INT32_MIN, last);
}

}  // namespace

bool Inode::reaches(std::size_t end) const {
  if (bytes_.size() < end || bytes_.size() < sizeof(ext2_inode_large)) return false;
  return kOldSize + raw().i_extra_isize >= end;
}

uid_t Inode::user() const {
  return raw().i_uid | static_cast<uid_t>(raw().osd2.linux2.l_i_uid_high) << 16;
}

gid_t Inode::group() const {
  return raw().i_gid | static_cast<gid_t>(raw().osd2.linux2.l_i_gid_high) << 16;
}

void Inode::set_user(uid_t user) const {
  raw().i_uid = static_cast<std::uint16_t>(user);
  raw().osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(user >> 16);
}

void Inode::set_group(gid_t group) const {
  raw().i_gid = static_cast<std::uint16_t>(group);
  raw().osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(group >> 16);
}

std::uint64_t Inode::size() const {
  return raw().i_size | static_cast<std::uint64_t>(raw().i_size_high) << 32;
}

void Inode::set_size(std::uint64_t size) const {
  raw().i_size = static_cast<std::uint32_t>(size);
  raw().i_size_high = static_cast<std::uint32_t>(size >> 32);
}

std::uint64_t Inode::sectors(std::uint32_t block_size) const {
  const std::uint64_t count =
      raw().i_blocks | static_cast<std::uint64_t>(raw().osd2.linux2.l_i_blocks_hi) << 32;
  return has_flag(EXT4_HUGE_FILE_FL) ? count * (block_size / 512) : count;
}

bool Inode::add_blocks(std::int64_t blocks, std::uint32_t block_size, bool huge_files) const {
  const std::int64_t unit = block_size / 512;
  const auto total = static_cast<std::int64_t>(sectors(block_size)) + blocks * unit;
  auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(total, 0));
  std::uint32_t flags = raw().i_flags & ~std::uint32_t{EXT4_HUGE_FILE_FL};
  if (count >> 32 != 0 && !huge_files) return false;
  if (count >> 48 != 0) {
    count /= static_cast<std::uint64_t>(unit);
    flags |= EXT4_HUGE_FILE_FL;
  }
  raw().i_flags = flags;
  raw().i_blocks = static_cast<std::uint32_t>(count);
  raw().osd2.linux2.l_i_blocks_hi = static_cast<std::uint16_t>(count >> 32);
  return true;
}

std::uint64_t Inode::attribute_block() const {
  return raw().i_file_acl | static_cast<std::uint64_t>(raw().osd2.linux2.l_i_file_acl_high) << 32;
}

void Inode::set_attribute_block(std::uint64_t block) const {
  raw().i_file_acl = static_cast<std::uint32_t>(block);
  raw().osd2.linux2.l_i_file_acl_high = static_cast<std::uint16_t>(block >> 32);
}

// The first word holds 8 bits of major and minor; where they do not fit it is 0 and the second
// word holds 12 and 20 bits.
dev_t Inode::device() const {
  const std::uint32_t narrow = raw().i_block[0];
  if (narrow != 0) return makedev((narrow >> 8) & 0xff, narrow & 0xff);
  const std::uint32_t wide = raw().i_block[1];
  return makedev((wide >> 8) & 0xfff, (wide & 0xff) | ((wide >> 12) & 0xfff00));
}

void Inode::set_device(dev_t device) const {
  const unsigned high = major(device);
  const unsigned low = minor(device);
  std::fill(std::begin(raw().i_block), std::end(raw().i_block), 0u);
  if (high < 256 && low < 256) {
    raw().i_block[0] = (high << 8) | low;
  } else {
    raw().i_block[1] = (low & 0xff) | ((high & 0xfff) << 8) | ((low & 0xfff00) << 12);
  }
}

std::uint32_t Inode::project() const {
  return reaches(offsetof(ext2_inode_large, i_projid) + 4) ? raw().i_projid : 0;
}

timespec Inode::time(Time which) const {
  const ext2_inode_large& inode = raw();
  switch (which) {
    case Time::kAccess:
      return decode_time(inode.i_atime, reaches(offsetof(ext2_inode_large, i_atime_extra) + 4)
                                            ? inode.i_atime_extra
                                            : 0);
    case Time::kModify:
      return decode_time(inode.i_mtime, reaches(offsetof(ext2_inode_large, i_mtime_extra) + 4)
                                            ? inode.i_mtime_extra
                                            : 0);
    case Time::kChange:
      break;
  }
  return decode_time(inode.i_ctime, reaches(offsetof(ext2_inode_large, i_ctime_extra) + 4)
                                        ? inode.i_ctime_extra
                                        : 0);
}

void Inode::set_time(Time which, timespec value) const {
  ext2_inode_large& inode = raw();
  const auto store = [&](__u32& seconds, __u32& extra, std::size_t end) {
    const bool wide = reaches(end);
    value.tv_sec = clamp_seconds(value.tv_sec, wide);
    seconds = static_cast<std::uint32_t>(value.tv_sec);
    if (wide) extra = encode_extra(value);
  };
  switch (which) {
    case Time::kAccess:
      return store(inode.i_atime, inode.i_atime_extra,
                   offsetof(ext2_inode_large, i_atime_extra) + 4);
    case Time::kModify:
      return store(inode.i_mtime, inode.i_mtime_extra,
                   offsetof(ext2_inode_large, i_mtime_extra) + 4);
    case Time::kChange:
      return store(inode.i_ctime, inode.i_ctime_extra,
                   offsetof(ext2_inode_large, i_ctime_extra) + 4);
  }
}

std::optional<timespec> Inode::birth_time() const {
  if (!reaches(offsetof(ext2_inode_large, i_crtime_extra) + 4)) return std::nullopt;
  return decode_time(raw().i_crtime, raw().i_crtime_extra);
}

void Inode::set_birth_time(timespec value) const {
  if (!reaches(offsetof(ext2_inode_large, i_crtime_extra) + 4)) return;
  value.tv_sec = clamp_seconds(value.tv_sec, true);
  raw().i_crtime = static_cast<std::uint32_t>(value.tv_sec);
  raw().i_crtime_extra = encode_extra(value);
}

std::span<std::byte> Inode::body() const {
  if (bytes_.size() <= kOldSize) return {};
  const std::size_t start = kOldSize + raw().i_extra_isize;
  if (raw().i_extra_isize == 0 || raw().i_extra_isize % 4 != 0 || start > bytes_.size()) return {};
  return bytes_.subspan(start);
}

}  // namespace airlock::ext
