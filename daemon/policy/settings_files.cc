// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "daemon/policy/settings_parse.h"
#include "daemon/policy/toml_document.h"
#include "lib/base/file_text.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// A user who can change a settings file, or its folder, decides what root mounts.
Result<void> check_rights(BorrowedFd fd, const std::string& path, uid_t owner) {
  struct stat status = {};
  if (fstat(fd.get(), &status) < 0) return fail_errno(errno, Errc::kSystem, "{}: look at it", path);
  if (status.st_uid != owner)
    return fail(Errc::kNotPermitted,
                "{}: belongs to user {}, but must belong to {}; try: chown {} {}", path,
                status.st_uid, owner == 0 ? "root" : std::to_string(owner),
                owner == 0 ? "root" : std::to_string(owner), path);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Errc::kNotPermitted,
                "{}: users other than its owner can write to it (mode {:04o}); try: chmod go-w {}",
                path, status.st_mode & 07777u, path);
  return {};
}

// Returns nothing if there is no such file.
Result<std::optional<std::string>> read_file(BorrowedFd folder, const std::string& name,
                                             const std::string& path, uid_t owner) {
  // Does not block: a pipe of that name must not hold the daemon up.
  const UniqueFd fd(openat(folder.get(), name.c_str(),
                           O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid() && errno == ENOENT) return std::optional<std::string>();
  if (!fd.valid() && errno == ELOOP)
    return fail(Errc::kNotPermitted, "{}: is a symbolic link, but must be a regular file", path);
  if (!fd.valid()) return fail_errno(errno, errc_from_errno(errno), "{}: open", path);
  struct stat status = {};
  if (fstat(fd.get(), &status) < 0) return fail_errno(errno, Errc::kSystem, "{}: look at it", path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kNotPermitted, "{}: is not a regular file", path);
  TRY_VOID(check_rights(fd.borrow(), path, owner));
  auto text = read_text(fd.borrow(), kMostSettingsBytes);
  if (!text) return fail(std::move(text), "{}", path);
  return std::optional(*std::move(text));
}

// Invalid if there is no such folder.
Result<UniqueFd> open_folder(const std::string& path, uid_t owner) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK));
  if (!fd.valid() && errno == ENOENT) return fd;
  if (!fd.valid()) return fail_errno(errno, errc_from_errno(errno), "{}: open", path);
  TRY_VOID(check_rights(fd.borrow(), path, owner));
  return fd;
}

// The names of the drop-ins of one layer, sorted. Leaves out ".x.toml" and "x.toml~": editors make
// those.
Result<std::set<std::string>> list_drop_ins(const std::string& path, uid_t owner) {
  std::set<std::string> names;
  TRY(UniqueFd fd, open_folder(path, owner));
  if (!fd.valid()) return names;
  const Directory directory(fdopendir(fd.get()));
  if (!directory) return fail_errno(errno, Errc::kSystem, "{}: list", path);
  (void)fd.release();  // now the directory's
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name.starts_with('.') || !name.ends_with(".toml")) continue;
    names.insert(name);
    if (names.size() > kMostSettingsFiles)
      return fail(Errc::kLimitExceeded, "{}: there are more than {} files", path,
                  kMostSettingsFiles);
  }
  return names;
}

Result<void> apply_file(const std::string& folder, const std::string& name, uid_t owner,
                        Settings& settings) {
  TRY(const UniqueFd fd, open_folder(folder, owner));
  if (!fd.valid()) return {};
  const std::string path = folder + "/" + name;
  TRY(const auto text, read_file(fd.borrow(), name, path, owner));
  if (!text) return {};
  return parse_settings(*text, path, settings);
}

Result<void> apply_layer(const std::string& layer, const std::set<std::string>& drop_ins,
                         uid_t owner, Settings& settings) {
  TRY_VOID(apply_file(layer, std::string(kSettingsFile), owner, settings));
  const std::string folder = layer + "/" + std::string(kSettingsFolder);
  for (const std::string& name : drop_ins) TRY_VOID(apply_file(folder, name, owner, settings));
  return {};
}

Result<void> apply_vendor(const SettingsPlaces& places, Settings& settings) {
  const std::string folder = "/" + std::string(kSettingsFolder);
  TRY(std::set<std::string> drop_ins, list_drop_ins(places.vendor + folder, places.owner));
  TRY(const std::set<std::string> masking, list_drop_ins(places.admin + folder, places.owner));
  for (const std::string& name : masking) drop_ins.erase(name);
  return apply_layer(places.vendor, drop_ins, places.owner, settings);
}

Result<void> apply_admin(const SettingsPlaces& places, Settings& settings) {
  const std::string folder = "/" + std::string(kSettingsFolder);
  TRY(const std::set<std::string> drop_ins, list_drop_ins(places.admin + folder, places.owner));
  return apply_layer(places.admin, drop_ins, places.owner, settings);
}

SettingsLoad fallen_back(Settings settings, Error error) {
  settings.mending = true;
  settings.uncontained = {Uncontained::kRefuse, {}};  // it may have been the unread value
  return {.settings = std::move(settings), .error = std::move(error)};
}

}  // namespace

SettingsLoad load_settings(const SettingsPlaces& places) {
  Settings vendor;
  if (auto applied = apply_vendor(places, vendor); !applied)
    return fallen_back(Settings{}, std::move(applied).error());
  Settings all = vendor;
  if (auto applied = apply_admin(places, all); !applied)
    return fallen_back(std::move(vendor), std::move(applied).error());
  return {.settings = std::move(all), .error = {}};
}

SettingsLoad reload_settings(const SettingsPlaces& places, const Settings& in_force) {
  SettingsLoad load = load_settings(places);
  if (load.error) load.settings = in_force;
  load.settings.switched = in_force.switched;
  return load;
}

}  // namespace airlock
