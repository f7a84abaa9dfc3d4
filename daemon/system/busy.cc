// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/busy.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "daemon/system/device_node.h"
#include "daemon/system/directory_entries.h"
#include "daemon/system/mount_table.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::optional<dev_t> parse_device(const std::string& text) {
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (std::sscanf(text.c_str(), "%u:%u", &major_number, &minor_number) != 2) return std::nullopt;
  return makedev(major_number, minor_number);
}

bool names_device(const std::string& path, dev_t device) {
  return device != 0 && block_device_named(path) == device;
}

void add_mounts(dev_t device, const SystemView& view, std::vector<std::string>& users) {
  const auto table = read_mount_table(view.proc + "/self/mountinfo");
  if (!table) return;
  for (const MountEntry& entry : *table)
    // btrfs and plain fuse have their own device numbers and only name the device.
    if (entry.device == device || (has_honest_source(entry) && names_device(entry.source, device)))
      users.push_back("mounted on " + quote(entry.mount_point));
}

void add_swap(dev_t device, const SystemView& view, std::vector<std::string>& users) {
  std::ifstream swaps(view.proc + "/swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  while (std::getline(swaps, line)) {
    const std::string path = unescape_octal(line.substr(0, line.find_first_of(" \t")));
    if (names_device(path, device)) users.emplace_back("used as swap space");
  }
}

void add_holders(const fs::path& device_folder, std::vector<std::string>& users) {
  for (const fs::path& holder : entries_of(device_folder / "holders")) {
    const std::string name = first_line(holder / "dm" / "name");
    users.push_back(name.empty()
                        ? fmt::format("used by {}", holder.filename().string())
                        : fmt::format("used by {} ({})", holder.filename().string(), quote(name)));
  }
}

void add_partitions(const fs::path& device_folder, const SystemView& view,
                    std::vector<std::string>& users) {
  for (const fs::path& entry : entries_of(device_folder)) {
    std::error_code ignored;
    if (!fs::exists(entry / "partition", ignored)) continue;
    const auto device = parse_device(first_line(entry / "dev"));
    if (!device) continue;
    for (const std::string& user : users_of_device(*device, view))
      users.push_back(fmt::format("its partition {} is {}", entry.filename().string(), user));
  }
}

}  // namespace

std::vector<std::string> users_of_device(dev_t device, const SystemView& view) {
  std::vector<std::string> users;
  const fs::path folder =
      fs::path(view.sys) / "dev/block" / fmt::format("{}:{}", major(device), minor(device));
  add_mounts(device, view, users);
  add_swap(device, view, users);
  add_holders(folder, users);
  add_partitions(folder, view, users);
  return users;
}

ImageUse users_of_image(const std::string& path, uid_t owner, const SystemView& view) {
  ImageUse use;
  for (const fs::path& block : entries_of(fs::path(view.sys) / "block")) {
    if (first_line(block / "loop/backing_file") != path) continue;
    std::string phrase = fmt::format("set up as loop device /dev/{}", block.filename().string());
    if (const auto device = parse_device(first_line(block / "dev")))
      for (const std::string& user : users_of_device(*device, view)) phrase += ", " + user;
    use.users.push_back(std::move(phrase));
    use.may_write |= first_line(block / "ro") != "1";
  }
  if (const auto table = read_mount_table(view.proc + "/self/mountinfo"))
    for (const MountEntry& entry : *table)
      if (entry.source == path &&
          (has_honest_source(entry) || option_number(entry.super_options, "user_id") == owner))
        use.users.push_back("mounted on " + quote(entry.mount_point));
  return use;
}

std::string join_phrases(const std::vector<std::string>& phrases) {
  std::string text;
  for (std::size_t i = 0; i < phrases.size(); ++i) {
    if (i > 0) text += i + 1 == phrases.size() ? " and " : ", ";
    text += phrases[i];
  }
  return text;
}

}  // namespace airlock
