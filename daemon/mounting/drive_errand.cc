// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/drive_errand.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "lib/base/text.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

std::string line_of(const fs::path& file) {
  std::ifstream lines(file);
  std::string line;
  std::getline(lines, line);
  return line;
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "8:16"
dev_t device_number(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return 0;
  return makedev(static_cast<unsigned>(number_in(text.substr(0, colon))),
                 static_cast<unsigned>(number_in(text.substr(colon + 1))));
}

DeviceKind kind_of(const fs::path& path) {
  std::error_code none;
  if (fs::exists(path / "partition", none)) return DeviceKind::kPartition;
  if (fs::exists(path / "loop", none)) return DeviceKind::kLoop;
  return path.filename().string().starts_with("sr") ? DeviceKind::kOptical : DeviceKind::kDisk;
}

}  // namespace

Result<Device> drive_at_node(const std::string& node, const SystemView& view) {
  struct stat info = {};
  if (::stat(node.c_str(), &info) != 0 || !S_ISBLK(info.st_mode))
    return fail(Errc::kNotFound, "there is no drive {}", quote(node));
  std::error_code failed;
  const fs::path path = fs::canonical(
      fmt::format("{}/dev/block/{}:{}", view.sys, major(info.st_rdev), minor(info.st_rdev)),
      failed);
  if (failed) return fail(Errc::kNotFound, "the kernel has no drive {}", quote(node));
  TRY(auto drive, drive_at_sysfs_path(path.string()));
  drive.node = node;
  return drive;
}

Result<Device> drive_at_sysfs_path(const std::string& path) {
  const fs::path folder = path;
  Device drive;
  drive.sysfs_path = path;
  drive.number = device_number(line_of(folder / "dev"));
  if (drive.number == 0) return fail(Errc::kNotFound, "there is no drive at {}", quote(path));
  drive.drive = drive.number;
  drive.name = folder.filename().string();
  drive.drive_name = drive.name;
  drive.node = "/dev/" + drive.name;
  drive.kind = kind_of(folder);
  drive.removable = line_of(folder / "removable") == "1";
  drive.disk_sequence = number_in(line_of(folder / "diskseq"));
  return drive;
}

}  // namespace airlock
