// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mount_options.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

struct FlagOption {
  std::string_view name;
  std::uint32_t set;
  std::uint32_t clear;
};

// Access times never reach a FUSE driver, so the names that only tune them change nothing; the two
// that forbid them are kept because they are visible in the mount table.
constexpr auto kFlagOptions = std::to_array<FlagOption>({
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"exec", 0, MS_NOEXEC},
    {"noexec", MS_NOEXEC, 0},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"atime", 0, MS_NOATIME},
    {"noatime", MS_NOATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"symfollow", 0, MS_NOSYMFOLLOW},
    {"nosymfollow", MS_NOSYMFOLLOW, 0},
    {"nosuid", MS_NOSUID, 0},
    {"nodev", MS_NODEV, 0},
});

// Names for mount(8), fstab or the caller, and names of conditions that always hold.
constexpr auto kWithoutEffect = std::to_array<std::string_view>({
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
    "nofail",
    "fail",
    "_netdev",
    "relatime",
    "norelatime",
    "strictatime",
    "lazytime",
    "nolazytime",
    "nostrictatime",
    "iversion",
    "noiversion",
    "nomand",
    "silent",
    "loud",
    // Airlock's udev rule has udisks pass this one: it makes every kernel filesystem refuse.
    "airlock",
    // The kernel always checks permissions for Airlock's drivers.
    "default_permissions",
});

constexpr std::string_view kHelperOption = "uhelper=";

constexpr auto kPrefixesWithoutEffect =
    std::to_array<std::string_view>({"x-", "X-", "comment=", "uhelper=", "helper=", "user="});

bool has_no_effect(std::string_view option) {
  return std::ranges::find(kWithoutEffect, option) != kWithoutEffect.end() ||
         std::ranges::any_of(kPrefixesWithoutEffect,
                             [&](std::string_view prefix) { return option.starts_with(prefix); });
}

bool apply_flag(std::string_view option, MountOptions& options) {
  const auto* row = std::ranges::find(kFlagOptions, option, &FlagOption::name);
  if (row == kFlagOptions.end()) return false;
  options.flags = (options.flags | row->set) & ~row->clear;
  return true;
}

bool apply_word(std::string_view option, MountOptions& options) {
  if (option == "allow_other") {
    options.allow_other = true;
  } else if (option == "plain") {
    options.transport = Transport::kPlain;
  } else if (option == "suid" || option == "dev") {
    options.notices.push_back(
        fmt::format("option {} is ignored: media Airlock mounts are always nosuid,nodev", option));
  } else {
    return false;
  }
  return true;
}

Result<void> apply_owner(std::string_view value, MountOptions& options) {
  if (value == "user") {
    options.owner = OwnerMapping::kUser;
  } else if (value == "media") {
    options.owner = OwnerMapping::kMedia;
  } else {
    return fail(Errc::kInvalidArgument, "option owner is user or media, not {}", quote(value));
  }
  return {};
}

// True if the option is a known one with a value.
Result<bool> apply_value(std::string_view option, MountOptions& options) {
  const std::size_t equals = option.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = option.substr(equals + 1);
  if (name == "owner") {
    TRY_VOID(apply_owner(value, options));
  } else if (name == "uid") {
    TRY(options.uid, parse_id(name, value));
  } else if (name == "gid") {
    TRY(options.gid, parse_id(name, value));
  } else {
    return false;
  }
  return true;
}

Result<void> apply(std::string_view option, UnknownOptions unknown, MountOptions& options) {
  if (option.starts_with(kHelperOption)) options.helper = option.substr(kHelperOption.size());
  if (option.empty() || has_no_effect(option)) return {};
  if (apply_flag(option, options) || apply_word(option, options)) return {};
  TRY(const bool foreign, apply_foreign_option(option, options.foreign));
  if (foreign) return {};
  TRY(const bool known, apply_value(option, options));
  if (known) return {};
  if (option == "remount")
    return fail(Errc::kUnsupported, "a mount cannot be changed: unmount it and mount it again");
  if (unknown == UnknownOptions::kRefuse)
    return fail(Errc::kInvalidArgument, "unknown option {}", quote(option));
  options.notices.push_back("unknown option " + quote(option) + " is ignored");
  return {};
}

}  // namespace

bool MountOptions::read_only() const {
  return (flags & MS_RDONLY) != 0;
}

Result<MountOptions> parse_mount_options(std::string_view text, UnknownOptions unknown) {
  MountOptions options;
  options.flags = MS_NOSUID | MS_NODEV;
  while (!text.empty()) TRY_VOID(apply(take_until(text, ','), unknown, options));
  return options;
}

std::string options_for_airlockd(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::string_view option = take_until(text, ',');
    if (option.empty() || option == "rw" || has_no_effect(option)) continue;
    if (!kept.empty()) kept += ',';
    kept += option;
  }
  return kept;
}

std::vector<std::string> MountOptions::words_for_driver(std::optional<int> local_zone) const {
  ForeignOptions shown = foreign;
  if (!shown.zone_minutes) shown.zone_minutes = local_zone;
  std::vector<std::string> words = shown.words();
  words.emplace_back(owner == OwnerMapping::kUser ? "owner=user" : "owner=media");
  return words;
}

}  // namespace airlock
