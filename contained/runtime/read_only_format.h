// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "contained/runtime/file_system.h"
#include "contained/runtime/outcome.h"

namespace airlock {

// How the entries of a directory follow each other. In kBytes every name is larger than the one
// before, byte by byte, so that a look-up ends at the first larger one.
enum class NameOrder { kNone, kBytes };

// What the medium says of itself.
struct VolumeInfo {
  NodeId root = 0;
  std::uint64_t size = 0;        // in bytes
  std::uint32_t block_size = 0;  // a power of two, at least 512
  NameOrder order = NameOrder::kNone;
};

// What it says of a file.
struct NodeInfo {
  mode_t mode = 0;  // its type and permissions
  std::uint64_t size = 0;
  std::uint64_t holes = 0;  // how much of the size takes no space
  nlink_t links = 1;
  dev_t device = 0;  // of a device file
  uid_t user = 0;    // shown with owner=media only
  gid_t group = 0;
  timespec modified = {};
};

struct DirectoryEntry {
  std::string name;
  NodeId node = 0;
  mode_t type = 0;         // S_IFDIR and so on; 0 if only the file itself says it
  std::uint64_t next = 0;  // the position behind this entry, larger than its own
};

// The driver of a format that is never written: what the bytes of its medium mean. Everything else
// is in ReadOnlyFiles and read_only_driver_main().
//
// Several threads call at once and there is no lock: nothing an implementation answers from may
// change, and all methods are const. If it keeps a cache, the cache has a lock of its own.
//
// Everything on the medium may be a lie. A method checks every offset, length and count before it
// uses them, follows references for a fixed number of steps only, and answers EIO for the one file
// that it cannot read. The caller checks names, positions and the number of entries.
class ReadOnlyFormat {
 public:
  explicit ReadOnlyFormat(const VolumeInfo& volume) : volume_(volume) {}
  virtual ~ReadOnlyFormat() = default;
  [[nodiscard]] const VolumeInfo& volume() const { return volume_; }

  // A node is known by a number that the medium itself determines, such as the offset of its
  // record: another process that serves the same medium has to mean the same file by it. Any number
  // from 2 on; the root may have any, and the kernel knows it as 1.
  virtual Outcome<NodeInfo> info(NodeId node) const = 0;
  // The entry at a position, or nothing at the end. 0 is the beginning; every other position was in
  // `next` of the entry before, in this process or in an earlier one. "." and ".." may be among the
  // entries or not.
  virtual Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                          std::uint64_t position) const = 0;
  // A position at or before the entry of that name, where looking for it begins. Overridden where
  // the medium has an index.
  virtual Outcome<std::uint64_t> position_near(NodeId /*directory*/,
                                               std::string_view /*name*/) const {
    return 0;
  }
  // The directory above, where ".." is not among the entries and the medium knows it.
  virtual Outcome<std::optional<NodeId>> parent(NodeId /*directory*/) const { return std::nullopt; }
  // All of these bytes. They lie within the size that info() told.
  virtual Outcome<void> read(NodeId node, std::uint64_t offset,
                             std::span<std::byte> into) const = 0;
  // Overridden where the target is not what read() reads.
  virtual Outcome<std::string> link_target(NodeId node, std::size_t length) const {
    std::string target(length, '\0');
    TRY_VOID(read(node, 0, std::as_writable_bytes(std::span(target))));
    return target;
  }
  // Extended attributes, by whole names such as "user.comment". ENOSYS where the medium has none at
  // all, which the kernel remembers; ENODATA for a name that is not there.
  virtual Outcome<std::string> attribute(NodeId /*node*/, std::string_view /*name*/) const {
    return refuse(ENOSYS);
  }
  // Their names, each ended by NUL.
  virtual Outcome<std::string> attribute_names(NodeId /*node*/) const { return refuse(ENOSYS); }

 private:
  VolumeInfo volume_;
};

}  // namespace airlock
