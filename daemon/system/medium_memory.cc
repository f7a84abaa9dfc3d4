// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/medium_memory.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/system/directory_entries.h"
#include "daemon/system/mount_table.h"
#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// Devices on devices: for example an encrypted volume on a partition of an image.
constexpr int kDeepestStack = 8;
constexpr std::uint64_t kSectorBytes = 512;

// Writes to an overlay may go to a tmpfs, as on a system that runs from a stick.
bool may_be_memory(const MountEntry& mount) {
  constexpr std::array<std::string_view, 3> kTypes = {"tmpfs", "ramfs", "overlay"};
  return std::ranges::find(kTypes, mount.type) != kTypes.end();
}

bool is_filesystem_in_memory(dev_t filesystem, const std::vector<MountEntry>& mounts) {
  return std::ranges::any_of(mounts, [&](const MountEntry& mount) {
    return mount.device == filesystem && may_be_memory(mount);
  });
}

bool is_path_in_memory(std::string_view path, const std::vector<MountEntry>& mounts) {
  const MountEntry* const mount = mount_below(mounts, path);
  return mount != nullptr && may_be_memory(*mount);
}

bool is_block_in_memory(const std::string& folder, const std::vector<MountEntry>& mounts,
                        int depth) {
  // A partition's folder is inside its disk's.
  for (const std::string_view disk : {"", "/.."}) {
    std::string path = airlock::file_text(fmt::format("{}{}/loop/backing_file", folder, disk));
    if (path.ends_with('\n')) path.pop_back();
    if (!path.empty()) return is_path_in_memory(path, mounts);
  }
  if (depth == 0) return false;
  return std::ranges::any_of(entries_of(folder + "/slaves"), [&](const auto& below) {
    return is_block_in_memory(below.string(), mounts, depth - 1);
  });
}

}  // namespace

std::uint64_t memory_of_medium(BorrowedFd medium, const SystemView& view) {
  struct stat info = {};
  if (::fstat(medium.get(), &info) != 0) return 0;
  const auto mounts = read_mount_table(view.proc + "/self/mountinfo");
  if (!mounts) return 0;
  if (S_ISREG(info.st_mode))
    return is_filesystem_in_memory(info.st_dev, *mounts) ? static_cast<std::uint64_t>(info.st_size)
                                                         : 0;
  if (!S_ISBLK(info.st_mode)) return 0;
  const std::string folder =
      fmt::format("{}/dev/block/{}:{}", view.sys, major(info.st_rdev), minor(info.st_rdev));
  if (!is_block_in_memory(folder, *mounts, kDeepestStack)) return 0;
  std::string size = airlock::file_text(folder + "/size");
  if (size.ends_with('\n')) size.pop_back();
  return parse_number<std::uint64_t>(size, 0, UINT64_MAX / kSectorBytes).value_or(0) * kSectorBytes;
}

}  // namespace airlock
