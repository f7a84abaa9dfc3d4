// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace airlock {

// Where the kernel reports mounts and devices; tests use their own.
struct SystemView {
  std::string proc = "/proc";
  std::string sys = "/sys";
};

// The users of a block device, as phrases for people: `mounted on "/mnt"`, `used as swap space`,
// `used by dm-0 ("vault")`. Partitions of the device count. Empty if the kernel names no user; then
// a program holds it.
std::vector<std::string> users_of_device(dev_t device, const SystemView& view = {});

// The same for an image file by its full path: loop devices made from it (and their users), and
// mounts with the file as their source, if root or the file's owner made them.
struct ImageUse {
  std::vector<std::string> users;
  bool may_write = false;  // one of them could change the file
};
ImageUse users_of_image(const std::string& path, uid_t owner, const SystemView& view = {});

// "a", "a and b", "a, b and c".
std::string join_phrases(const std::vector<std::string>& phrases);

}  // namespace airlock
