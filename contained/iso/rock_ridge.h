// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "contained/iso/system_use.h"

namespace airlock::iso {

// Where the system use fields of a tree begin, if it has Rock Ridge.
struct RockRidgeMarks {
  std::size_t skip_in_root = 0;  // bytes in the root's own record
  std::size_t skip = 0;          // and in all others
};

// PX: what POSIX wants to know of a file.
struct PosixAttributes {
  mode_t mode = 0;
  nlink_t links = 1;
  uid_t user = 0;
  gid_t group = 0;
};

// ZF: the data of the file is compressed.
struct Compression {
  bool is_known = false;  // the first version of zisofs, with zlib
  std::uint32_t header_size = 0;
  unsigned block_shift = 0;
  std::uint64_t size = 0;  // of the file that was compressed
};

// What Rock Ridge (IEEE P1282) says of the file of one record.
struct RockRidge {
  std::optional<std::string> name;
  std::optional<PosixAttributes> posix;
  std::optional<dev_t> device;
  std::optional<timespec> modified;
  std::optional<Compression> compression;
  // The target of a symbolic link; empty if it can't be said as a path.
  std::string target;
  // A directory that lies too deep for ISO 9660 is elsewhere. A record without data has the block
  // of the child; its ".." has that of the parent; the record that is elsewhere says so.
  std::optional<std::uint32_t> child;
  std::optional<std::uint32_t> parent;
  bool is_relocated = false;
};

// EIO if any part of it cannot be read or contradicts itself.
Outcome<RockRidge> read_rock_ridge(SystemUse entries);

// From the field of the root's own record; nothing if the tree has no Rock Ridge.
std::optional<RockRidgeMarks> find_rock_ridge(const MediumReader& medium, std::uint32_t block_size,
                                              std::span<const std::byte> field);

}  // namespace airlock::iso
