// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/group_home.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "lib/base/file_text.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::array<std::string_view, 4> kControllers = {"memory", "pids", "cpu", "io"};
constexpr std::string_view kBlockController = "blkio";  // "io" in version 1

// Where systemd keeps airlockd, and the name of the daemon's own group in airlockd.service.
constexpr std::string_view kUnit = "airlockd.service";
constexpr std::string_view kDaemonGroup = "daemon";
constexpr std::string_view kWorkersGroup = "workers";
// Beside the groups of other programs at the top of a tree.
constexpr std::string_view kOwnHome = "airlock";
// The weight of all workers together. A single process at the top may weigh as much as a group, so
// they get as much as a few processes.
constexpr unsigned kHomeWeight = 400;

bool is_unified(const MountEntry& mount) {
  return mount.type == "cgroup2";
}

bool is_group_tree(const MountEntry& mount) {
  return is_unified(mount) || mount.type == "cgroup";
}

// The top of the tree, the kernel's or our namespace's; not a part of it that is mounted for us.
const MountEntry* find_tree(const std::vector<MountEntry>& mounts, auto&& fits) {
  const auto found = std::ranges::find_if(
      mounts, [&](const MountEntry& mount) { return mount.root == "/" && fits(mount); });
  return found == mounts.end() ? nullptr : &*found;
}

// Only root may open it: another user could hold the lock that starters need.
bool make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return true;
  return errno == EEXIST && ::chmod(path.c_str(), 0700) == 0;
}

// Lets the groups inside have limits. False if no controller is available.
bool open_controllers(const GroupFolder& folder) {
  const auto present = read_group_file(folder, "cgroup.controllers");
  if (!present) return false;
  std::string_view names = *present;
  names = take_until(names, '\n');
  bool any = false;
  for (const std::string_view controller : kControllers)
    if (has_word(names, ' ', controller))
      any |= write_group_file(folder, "cgroup.subtree_control", fmt::format("+{}", controller));
  return any;
}

std::optional<GroupFolder> open_home(const GroupFolder& parent, std::string_view name) {
  if (parent.unified && !open_controllers(parent)) return std::nullopt;
  GroupFolder home = {.path = fmt::format("{}/{}", parent.path, name), .unified = parent.unified};
  if (!make_folder(home.path)) return std::nullopt;
  if (home.unified && !open_controllers(home)) return std::nullopt;
  return home;
}

bool is_delegated(const std::string& folder) {
  std::array<char, 8> value{};
  const ssize_t length = ::getxattr(folder.c_str(), "trusted.delegate", value.data(), value.size());
  return length == 1 && value[0] == '1';
}

// The path after "0::", the prefix of version 2.
std::string_view unified_group(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (line.starts_with("0::")) return line.substr(3);
  }
  return {};
}

std::vector<GroupFolder> home_in_service(const GroupSystem& system) {
  const MountEntry* const tree = find_tree(system.mounts, is_unified);
  std::string_view group = unified_group(system.own_groups);
  const std::string below = fmt::format("/{}/{}", kUnit, kDaemonGroup);
  if (tree == nullptr || !group.ends_with(below)) return {};
  group.remove_suffix(kDaemonGroup.size() + 1);
  const GroupFolder service = {.path = tree->mount_point + std::string(group), .unified = true};
  if (!is_delegated(service.path)) return {};
  if (auto home = open_home(service, kWorkersGroup)) return {*std::move(home)};
  return {};
}

// The workers are few beside everything else at the top, but people wait for them.
void give_weight(const GroupFolder& home) {
  (void)write_group_file(home, home.unified ? "cpu.weight" : "cpu.shares",
                         std::to_string(home.unified ? kHomeWeight : kHomeWeight * 1024 / 100));
  (void)write_group_file(home, home.unified ? "io.weight" : "blkio.bfq.weight",
                         std::to_string(kHomeWeight));
}

std::vector<GroupFolder> homes_at_the_top(const GroupSystem& system) {
  std::vector<const MountEntry*> trees;
  const auto add = [&](const MountEntry* tree) {
    if (tree != nullptr && std::ranges::find(trees, tree) == trees.end()) trees.push_back(tree);
  };
  for (const std::string_view controller : kControllers)
    add(find_tree(system.mounts, [&](const MountEntry& mount) {
      return mount.type == "cgroup" &&
             has_option(mount.super_options, controller == "io" ? kBlockController : controller);
    }));
  add(find_tree(system.mounts, is_unified));
  std::vector<GroupFolder> homes;
  for (const MountEntry* const tree : trees) {
    auto home = open_home({.path = tree->mount_point, .unified = is_unified(*tree)}, kOwnHome);
    if (!home) continue;
    give_weight(*home);
    homes.push_back(*std::move(home));
  }
  return homes;
}

// Reads lines such as "4:cpu,cpuacct:/path" and "0::/path".
std::optional<GroupFolder> folder_of_line(std::string_view line,
                                          const std::vector<MountEntry>& mounts) {
  (void)take_until(line, ':');
  const std::string_view controllers = take_until(line, ':');
  const bool unified = controllers.empty();
  if (!line.starts_with('/') || has_word(line, '/', "..")) return std::nullopt;
  const std::vector<std::string> names = split(controllers, ',');
  const MountEntry* const tree = find_tree(mounts, [&](const MountEntry& mount) {
    if (unified || is_unified(mount)) return unified && is_unified(mount);
    return std::ranges::all_of(
        names, [&](const std::string& name) { return has_option(mount.super_options, name); });
  });
  if (tree == nullptr) return std::nullopt;
  return GroupFolder{.path = tree->mount_point + std::string(line), .unified = unified};
}

}  // namespace

GroupSystem GroupSystem::of_this_machine() {
  GroupSystem system;
  system.mounts = read_mount_table("/proc/self/mountinfo").value_or(std::vector<MountEntry>());
  std::erase_if(system.mounts, [](const MountEntry& mount) { return !is_group_tree(mount); });
  system.own_groups = file_text("/proc/self/cgroup");
  system.has_systemd = ::access("/run/systemd/system", F_OK) == 0;
  return system;
}

std::vector<GroupFolder> worker_group_homes(const GroupSystem& system) {
  return system.has_systemd ? home_in_service(system) : homes_at_the_top(system);
}

std::vector<GroupFolder> folders_of(std::string_view text, const std::vector<MountEntry>& mounts) {
  std::vector<GroupFolder> folders;
  while (!text.empty())
    if (auto folder = folder_of_line(take_until(text, '\n'), mounts))
      folders.push_back(*std::move(folder));
  return folders;
}

}  // namespace airlock
