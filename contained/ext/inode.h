// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>
#include <sys/stat.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace airlock::ext {

// So many blocks of an inode table are read at once.
inline constexpr std::uint32_t kInodeReadAhead = 8;

static_assert(std::endian::native == std::endian::little,
              "inodes are used in place in the byte order of the medium");

// One inode where it lies in its table block: field access that knows which of the fields an
// inode of this size has. Owns nothing; valid as long as the block stays in the cache (until the
// end of the operation). Changing it says nothing to anybody: see Volume::inode_changed().
class Inode {
 public:
  Inode() = default;
  Inode(std::uint32_t number, std::span<std::byte> bytes) : number_(number), bytes_(bytes) {}

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] ext2_inode_large& raw() const {
    return *reinterpret_cast<ext2_inode_large*>(bytes_.data());
  }

  [[nodiscard]] mode_t mode() const { return raw().i_mode; }
  void set_mode(mode_t mode) const { raw().i_mode = static_cast<std::uint16_t>(mode); }
  [[nodiscard]] bool is_directory() const { return S_ISDIR(mode()); }
  [[nodiscard]] bool is_file() const { return S_ISREG(mode()); }
  [[nodiscard]] bool is_link() const { return S_ISLNK(mode()); }
  [[nodiscard]] bool has_flag(std::uint32_t flag) const { return (raw().i_flags & flag) != 0; }

  [[nodiscard]] uid_t user() const;
  [[nodiscard]] gid_t group() const;
  void set_user(uid_t user) const;
  void set_group(gid_t group) const;

  [[nodiscard]] std::uint64_t size() const;
  void set_size(std::uint64_t size) const;

  // In units of 512 bytes, whatever unit the medium uses.
  [[nodiscard]] std::uint64_t sectors(std::uint32_t block_size) const;
  // False where the number does not fit the fields this filesystem has.
  bool add_blocks(std::int64_t blocks, std::uint32_t block_size, bool huge_files) const;

  [[nodiscard]] std::uint64_t attribute_block() const;
  void set_attribute_block(std::uint64_t block) const;

  [[nodiscard]] dev_t device() const;
  void set_device(dev_t device) const;

  // 0 in an inode that has no room for one.
  [[nodiscard]] std::uint32_t project() const;

  enum class Time { kAccess, kModify, kChange };
  [[nodiscard]] timespec time(Time which) const;
  void set_time(Time which, timespec value) const;
  // Only an inode with room for it has one.
  [[nodiscard]] std::optional<timespec> birth_time() const;
  void set_birth_time(timespec value) const;

  // i_block: the root of the block map, the target of a short link, or inline data.
  [[nodiscard]] std::span<std::byte, 60> root() const {
    return std::span<std::byte, 60>(reinterpret_cast<std::byte*>(raw().i_block), 60);
  }
  // What lies behind the fields: extended attributes. Empty where the inode has no room.
  [[nodiscard]] std::span<std::byte> body() const;

 private:
  [[nodiscard]] bool reaches(std::size_t end) const;

  std::uint32_t number_ = 0;
  std::span<std::byte> bytes_;
};

}  // namespace airlock::ext
