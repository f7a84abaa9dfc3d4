// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/system_devices.h"

#include <fmt/format.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

#include "daemon/devices/foreign_text.h"
#include "daemon/system/mount_table.h"
#include "lib/base/file_text.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

bool same_without_case(const std::string& left, const std::string& right) {
  return !left.empty() && ::strcasecmp(left.c_str(), right.c_str()) == 0;
}

// The machine does not run, or does not boot again, without these.
bool is_of_system(const std::string& mount_point) {
  constexpr std::array<std::string_view, 6> kPlaces = {"/",         "/usr", "/boot",
                                                       "/boot/efi", "/efi", "/var"};
  return std::ranges::find(kPlaces, mount_point) != kPlaces.end();
}

// "8:16", as in sysfs; 0 for anything else.
dev_t parse_number(const std::string& text) {
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(text.c_str(), "%u:%u", &major_number, &minor_number) != 2) return 0;
  return makedev(major_number, minor_number);
}

// The device that a path below `dev` leads to. Does not follow other paths, because they may be on
// a filesystem that does not answer.
dev_t number_of_node(const std::string& path, const std::string& dev) {
  struct stat info = {};
  const bool looked = path.starts_with(dev + "/") && path.find("/../") == std::string::npos &&
                      ::stat(path.c_str(), &info) == 0;
  return looked && S_ISBLK(info.st_mode) ? info.st_rdev : 0;
}

}  // namespace

SystemDevices::SystemDevices(Places places) : places_(std::move(places)) {
  fstab_.path = places_.fstab;
  crypttab_.path = places_.crypttab;
  crypttab_.column = NameColumn::kSecond;
}

std::string SystemDevices::reason(const DeviceNames& device) {
  for (Table* table : {&fstab_, &crypttab_}) {
    table->refresh();
    const auto is_meant = [&](const std::string& name) { return means(name, device); };
    if (std::ranges::any_of(table->names, is_meant)) return table->path + " names it";
  }
  return devices_of_running_system().contains(device.number) ? "it holds the running system" : "";
}

void SystemDevices::Table::refresh() {
  struct stat now = {};
  if (::stat(path.c_str(), &now) != 0) {
    names.clear();
    present = false;
    return;
  }
  const bool same = present && now.st_mtim.tv_sec == changed.tv_sec &&
                    now.st_mtim.tv_nsec == changed.tv_nsec && now.st_size == size &&
                    now.st_ino == inode;
  if (same) return;
  present = true;
  changed = now.st_mtim;
  size = now.st_size;
  inode = now.st_ino;
  names = named_devices(file_text(path), column);
}

bool SystemDevices::means(const std::string& name, const DeviceNames& device) const {
  const std::size_t equals = name.find('=');
  const bool is_tag = !name.starts_with('/') && equals != std::string::npos;
  if (!is_tag)
    return name == device.backing_file || std::ranges::count(device.links, name) > 0 ||
           is_node_of(name, device.number);
  const std::string tag = name.substr(0, equals);
  const std::string value = name.substr(equals + 1);
  if (tag == "UUID") return same_without_case(value, device.uuid);
  if (tag == "PARTUUID") return same_without_case(value, device.partition_uuid);
  if (tag == "LABEL") return !value.empty() && value == device.label;
  if (tag == "PARTLABEL") return !value.empty() && value == device.partition_label;
  if (tag == "ID") return std::ranges::count(device.links, "/dev/disk/by-id/" + value) > 0;
  return false;
}

bool SystemDevices::is_node_of(const std::string& path, dev_t device) const {
  const dev_t found = number_of_node(path, places_.dev);
  return found != 0 && found == device;
}

std::set<dev_t> SystemDevices::devices_of_running_system() const {
  std::set<dev_t> found;
  const std::string& proc = places_.view.proc;
  if (const auto mounts = read_mount_table(proc + "/self/mountinfo"))
    for (const MountEntry& entry : *mounts) {
      if (!is_of_system(entry.mount_point)) continue;
      add_with_parts(entry.device, found);
      // btrfs has its own device number and only names the device.
      add_with_parts(number_of_node(entry.source, places_.dev), found);
    }
  std::ifstream swaps(proc + "/swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  while (std::getline(swaps, line)) {
    const std::string path = unescape_octal(line.substr(0, line.find_first_of(" \t")));
    add_with_parts(number_of_node(path, places_.dev), found);
  }
  return found;
}

// Adds a device and what it consists of: the disks under a device-mapper or RAID volume.
void SystemDevices::add_with_parts(dev_t device, std::set<dev_t>& into) const {
  if (device == 0 || major(device) == 0 || !into.insert(device).second) return;
  const fs::path slaves = fs::path(places_.view.sys) / "dev/block" /
                          fmt::format("{}:{}", major(device), minor(device)) / "slaves";
  std::error_code none;  // nothing below
  for (fs::directory_iterator it(slaves, none), end; !none && it != end; it.increment(none))
    add_with_parts(parse_number(file_text(it->path() / "dev")), into);
}

}  // namespace airlock
