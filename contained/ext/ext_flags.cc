// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <cerrno>

#include "contained/ext/ext_driver.h"

// What lsattr and chattr show and change, and the label of the volume.
namespace airlock::ext {
namespace {

// The flags that the kernel's driver shows; the others say how the format stores the file.
constexpr std::uint32_t kVisible = 0x725b'dfff;
// Other flags are kept and shown, but a change of them would promise what this driver does not do:
// writing at once, journalling data, another kind of block map.
constexpr std::uint32_t kChangeable = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL;

}  // namespace

Outcome<FileFlags> ExtDriver::flags(NodeId node) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  return FileFlags{.flags = inode.raw().i_flags & kVisible, .project = inode.project()};
}

Outcome<void> ExtDriver::change_flags(NodeId node, std::uint32_t flags) {
  TRY_VOID(volume_.require_writable());
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  const std::uint32_t changed = (inode.raw().i_flags & kVisible) ^ flags;
  const bool folds = (changed & EXT4_CASEFOLD_FL) != 0 && volume_.directory_format().folding;
  if ((changed & ~(kChangeable | (folds ? EXT4_CASEFOLD_FL : 0u))) != 0) return refuse(EOPNOTSUPP);
  // The only change that an immutable file allows is to become changeable.
  if (changed != 0 && inode.has_flag(FS_IMMUTABLE_FL) && (flags & FS_IMMUTABLE_FL) != 0)
    return refuse(EPERM);
  if (folds) TRY_VOID(before_folding(inode));
  inode.raw().i_flags ^= changed;
  touch(inode, /*modified=*/false);
  volume_.inode_changed(inode);
  return {};
}

// The index of a folder knows names by one hash or the other, so a folder that has names keeps it.
// Nor may names that it had be there after a power cut that leaves the change.
Outcome<void> ExtDriver::before_folding(const Inode& inode) {
  if (!inode.is_directory()) return refuse(ENOTDIR);
  TRY(const bool empty, is_empty(inode));
  if (!empty) return refuse(ENOTEMPTY);
  return volume_.seal_batch();
}

Outcome<std::string> ExtDriver::label() {
  const Volume::Operation operation(volume_);
  return volume_.label();
}

Outcome<void> ExtDriver::set_label(std::string_view label) {
  TRY_VOID(volume_.require_writable());
  {
    const Volume::Operation operation(volume_);
    TRY_VOID(volume_.set_label(label));
  }
  return volume_.commit();
}

}  // namespace airlock::ext
