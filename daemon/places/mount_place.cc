// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/mount_place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/places/folder_names.h"
#include "daemon/places/user_folder_access.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

// How many folders with one name a user can have at a time.
constexpr int kMostOfOneName = 100;
// How often another process may remove a user's folder between our making and our using it.
constexpr int kMostRaces = 20;
constexpr std::size_t kMostNameBytes = 255;
// Only root gets past it while nothing is mounted there; it also identifies our folders.
constexpr mode_t kFolderMode = 0;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

bool is_one_component(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Opens the directory with this name. Crosses neither symlinks nor mount points, so a mount that
// hangs can't make us wait.
Result<UniqueFd> open_folder(BorrowedFd directory, const std::string& name, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  UniqueFd folder(
      static_cast<int>(::syscall(SYS_openat2, directory.get(), name.c_str(), &how, sizeof how)));
  if (folder.valid()) return folder;
  const int error = errno;
  switch (error) {
    case ENOENT:
      return fail_errno(error, Errc::kNotFound, "no folder {}", quote(name));
    case EXDEV:
      return fail(Errc::kBusy, "{} is a mount point", quote(name));
    case ELOOP:
    case ENOTDIR:
      return fail(Errc::kNotPermitted, "{} is in the way and not a folder", quote(name));
    default:
      return fail_errno(error, Errc::kSystem, "open folder {}", quote(name));
  }
}

Result<struct stat> status_of(BorrowedFd folder) {
  struct stat status = {};
  if (::fstat(folder.get(), &status) != 0) return fail_errno(errno, Errc::kSystem, "look at it");
  return status;
}

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) components.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return components;
}

// One step towards the base. Every folder on the way must be root's; others may write there only if
// they can't rename root's files (sticky).
Result<UniqueFd> step_into(BorrowedFd directory, const std::string& name) {
  UniqueFd next(
      ::openat(directory.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!next.valid()) {
    const int error = errno;
    if (error == ENOTDIR) return fail(Errc::kNotPermitted, "{} is not a folder", quote(name));
    return fail_errno(error, errc_from_errno(error), "open {}", quote(name));
  }
  TRY(const struct stat status, status_of(next.borrow()));
  if (status.st_uid != 0) return fail(Errc::kNotPermitted, "{} is not root's", quote(name));
  if ((status.st_mode & kWritableByOthers) != 0 && (status.st_mode & S_ISVTX) == 0)
    return fail(Errc::kNotPermitted, "users other than root can write to {}", quote(name));
  return next;
}

enum class IfMissing { kFail, kMake };

Result<UniqueFd> open_last(BorrowedFd parent, const std::string& name, IfMissing missing) {
  const bool made = missing == IfMissing::kMake && ::mkdirat(parent.get(), name.c_str(), 0755) == 0;
  TRY(auto folder, step_into(parent, name));
  // The umask may have removed bits, and fchmod does not work on an O_PATH descriptor.
  if (made && ::fchmodat(parent.get(), name.c_str(), 0755, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "open {} to everybody", quote(name));
  TRY(const struct stat status, status_of(folder.borrow()));
  if ((status.st_mode & kWritableByOthers) != 0)
    return fail(Errc::kNotPermitted, "users other than root can write to {}", quote(name));
  return folder;
}

Result<UniqueFd> walk_to(std::span<const std::string> components, IfMissing missing) {
  UniqueFd folder(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const std::string& name : components.first(components.size() - 1)) {
    TRY(folder, step_into(folder.borrow(), name));
  }
  return open_last(folder.borrow(), components.back(), missing);
}

Result<UniqueFd> open_base(const std::string& base, IfMissing missing) {
  const auto components = components_of(base);
  if (!base.starts_with('/') || components.empty())
    return fail(Errc::kInvalidArgument, "base folder {} is not an absolute path", quote(base));
  auto folder = walk_to(components, missing);
  if (!folder) return fail(std::move(folder), "base folder {}", quote(base));
  return folder;
}

Result<UniqueFd> open_user_folder(BorrowedFd base, const std::string& user_name) {
  TRY(auto folder, open_folder(base, user_name, O_RDONLY));
  TRY(const struct stat status, status_of(folder.borrow()));
  if (status.st_uid != 0) return fail(Errc::kNotPermitted, "{} is not root's", quote(user_name));
  return folder;
}

Result<UniqueFd> make_user_folder(BorrowedFd base, const PlaceRequest& request) {
  if (::mkdirat(base.get(), request.user_name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, errc_from_errno(errno), "make it");
  TRY(auto folder, open_user_folder(base, request.user_name));
  TRY_VOID(let_in_only(folder.borrow(), request.user, request.group));
  return folder;
}

// The desired name with a number appended, shortened if it would be too long, but never in the
// middle of a character.
std::string numbered(const std::string& name, int number) {
  if (number == 0) return name;
  const std::string digits = fmt::format("{}", number);
  std::size_t length = std::min(name.size(), kMostNameBytes - digits.size());
  const auto continues = [&](std::size_t at) {
    return at < name.size() && (static_cast<unsigned char>(name[at]) & 0xc0) == 0x80;
  };
  while (length > 1 && continues(length)) --length;
  return name.substr(0, length) + digits;
}

// Takes the first free name; making the folder claims it.
Result<std::string> make_folder(BorrowedFd user_folder, const std::string& wished) {
  for (int number = 0; number < kMostOfOneName; ++number) {
    std::string name = numbered(wished, number);
    if (::mkdirat(user_folder.get(), name.c_str(), kFolderMode) == 0) return name;
    const int error = errno;
    if (error == ENOENT) return fail_errno(error, Errc::kNotFound, "the user's folder was removed");
    if (error != EEXIST)
      return fail_errno(error, errc_from_errno(error), "make folder {}", quote(name));
  }
  return fail(Errc::kLimitExceeded, "{} folders named {} exist already", kMostOfOneName,
              quote(wished));
}

// Removing the last folder of a user also removes the user's folder; then it is made again.
Result<std::string> make_place_below(BorrowedFd base, const PlaceRequest& request) {
  for (int race = 0; race < kMostRaces; ++race) {
    auto user_folder = make_user_folder(base, request);
    auto name = user_folder ? make_folder(user_folder->borrow(), request.folder)
                            : std::unexpected(std::move(user_folder).error());
    if (name || name.error().code != Errc::kNotFound) return name;
  }
  return fail(Errc::kBusy, "another process keeps removing the user's folder");
}

// Owner and mode identify our folders: others' folders are not ours to remove.
Result<void> remove_if_ours(BorrowedFd user_folder, const std::string& name) {
  TRY(const auto folder, open_folder(user_folder, name, O_PATH));
  TRY(const struct stat status, status_of(folder.borrow()));
  if (status.st_uid != 0 || (status.st_mode & kPermissions) != kFolderMode)
    return fail(Errc::kNotPermitted, "{} is somebody else's", quote(name));
  if (::unlinkat(user_folder.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  const int error = errno;
  const bool in_use = error == EBUSY || error == ENOTEMPTY || error == EEXIST;
  return fail_errno(error, in_use ? Errc::kBusy : Errc::kSystem, "remove {}", quote(name));
}

// Removes only an empty folder that looks like ours; an administrator's stays.
void remove_user_folder(BorrowedFd base, const std::string& name, BorrowedFd folder) {
  if (!lets_in_one_user(folder)) return;
  // If it is not empty, the user has other mounts. Any other failure leaves a harmless empty
  // folder.
  (void)::unlinkat(base.get(), name.c_str(), AT_REMOVEDIR);
}

std::string without_slashes_behind(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// The names of user and folder in <base>/<user>/<folder>; empty for any other path.
std::vector<std::string> names_below(const std::string& base, const std::string& path) {
  const std::string start = without_slashes_behind(base) + "/";
  if (!path.starts_with(start)) return {};
  auto names = components_of(std::string_view(path).substr(start.size()));
  if (names.size() != 2 || !std::ranges::all_of(names, is_one_component)) return {};
  return names;
}

void sweep_user_folder(BorrowedFd base, const std::string& base_path, const std::string& user_name,
                       const std::set<std::string>& keep) {
  const auto folder = open_user_folder(base, user_name);
  if (!folder || !lets_in_one_user(folder->borrow())) return;
  for (const std::string& name : names_in(folder->borrow())) {
    if (keep.contains(fmt::format("{}/{}/{}", base_path, user_name, name))) continue;
    if (auto removed = remove_if_ours(folder->borrow(), name); !removed)
      log(LogLevel::kDebug, "leave {} alone: {}", redact(name), redact(removed.error().message()));
  }
  remove_user_folder(base, user_name, folder->borrow());
}

}  // namespace

Result<std::string> make_mount_place(const PlaceRequest& request) {
  if (!is_one_component(request.user_name) || !is_one_component(request.folder))
    return fail(Errc::kInvalidArgument,
                "no mount point for user {} and folder {}: each must be one name",
                quote(request.user_name), quote(request.folder));
  TRY(const auto base, open_base(request.base, IfMissing::kMake));
  auto name = make_place_below(base.borrow(), request);
  if (!name)
    return fail(std::move(name), "make a place for {} in {}/{}", quote(request.folder),
                request.base, quote(request.user_name));
  return fmt::format("{}/{}/{}", without_slashes_behind(request.base), request.user_name, *name);
}

bool is_mount_place(const std::string& base, const std::string& path) {
  return !names_below(base, path).empty();
}

Result<void> remove_mount_place(const std::string& base, const std::string& path) {
  const auto names = names_below(base, path);
  if (names.empty())
    return fail(Errc::kInvalidArgument, "{} is not a folder below {}", quote(path), quote(base));
  TRY(const auto base_folder, open_base(base, IfMissing::kFail));
  const auto user_folder = open_user_folder(base_folder.borrow(), names[0]);
  auto removed = user_folder ? remove_if_ours(user_folder->borrow(), names[1])
                             : std::unexpected(user_folder.error());
  if (!removed && removed.error().code != Errc::kNotFound)
    return fail(std::move(removed), "remove place {}", quote(path));
  if (user_folder) remove_user_folder(base_folder.borrow(), names[0], user_folder->borrow());
  return {};
}

Result<void> remove_own_mount_place(const std::string& base, const std::string& path) {
  return is_mount_place(base, path) ? remove_mount_place(base, path) : Result<void>{};
}

void sweep_mount_places(const std::string& base, const std::set<std::string>& keep) {
  const auto folder = open_base(base, IfMissing::kFail);
  if (!folder) {
    if (folder.error().code != Errc::kNotFound)
      log(LogLevel::kWarning, "old mount points are not removed: {}", folder.error().message());
    return;
  }
  for (const std::string& user_name : names_in(folder->borrow()))
    sweep_user_folder(folder->borrow(), without_slashes_behind(base), user_name, keep);
}

}  // namespace airlock
