// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/driver_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

struct FlagOption {
  std::string_view name;
  std::uint32_t set;
  std::uint32_t clear;
};

constexpr std::array kFlagOptions = {
    FlagOption{"ro", MS_RDONLY, 0},
    FlagOption{"rw", 0, MS_RDONLY},
    FlagOption{"nosuid", MS_NOSUID, 0},
    FlagOption{"nodev", MS_NODEV, 0},
    FlagOption{"noexec", MS_NOEXEC, 0},
    FlagOption{"exec", 0, MS_NOEXEC},
    FlagOption{"sync", MS_SYNCHRONOUS, 0},
    FlagOption{"async", 0, MS_SYNCHRONOUS},
    FlagOption{"dirsync", MS_DIRSYNC, 0},
    FlagOption{"noatime", MS_NOATIME, 0},
    FlagOption{"atime", 0, MS_NOATIME},
    FlagOption{"nodiratime", MS_NODIRATIME, 0},
    FlagOption{"diratime", 0, MS_NODIRATIME},
    FlagOption{"nosymfollow", 256, 0},
    FlagOption{"symfollow", 0, 256},
    FlagOption{"relatime", 0, MS_NOATIME},
    FlagOption{"norelatime", 0, 0},
    FlagOption{"strictatime", 0, MS_NOATIME},
    FlagOption{"nostrictatime", 0, 0},
    FlagOption{"lazytime", 0, 0},
    FlagOption{"nolazytime", 0, 0},
    FlagOption{"defaults", 0, 0},
    FlagOption{"suid", 0, 0},
    FlagOption{"dev", 0, 0},
};

// Other mount helpers and fstab say these. Each is so already, is the helper's to decide, or means
// nothing to a driver of ours. suid and dev above are among them: the helper decides.
constexpr std::array<std::string_view, 12> kIgnored = {
    "default_permissions",
    "nonempty",
    "acl",
    "user_xattr",
    "utf8",
    "quiet",
    "flush",
    "nofail",
    "errors=remount-ro",
    "errors=continue",
    "iocharset=utf8",
    "utf8=1",
};
constexpr std::array<std::string_view, 4> kIgnoredBeginnings = {
    "fsname=", "subtype=", "max_read=", "x-"};

bool is_ignored(std::string_view option) {
  return std::ranges::find(kIgnored, option) != kIgnored.end() ||
         std::ranges::any_of(kIgnoredBeginnings, [option](std::string_view beginning) {
           return option.starts_with(beginning);
         });
}

Result<void> apply_setting(DriverOptions& options, std::string_view name, std::string_view value) {
  if (name == "owner" && (value == "user" || value == "media")) {
    options.owners = value == "user" ? MediaOwners::kUser : MediaOwners::kMedia;
    return {};
  }
  if (name == "uid") {
    TRY(options.user, parse_id(name, value));
    return {};
  }
  if (name == "gid") {
    TRY(options.group, parse_id(name, value));
    return {};
  }
  return fail(Errc::kInvalidArgument, "unknown option {}",
              quote(fmt::format("{}={}", name, value)));
}

Result<void> apply(DriverOptions& options, std::string_view option) {
  TRY(const bool foreign, apply_foreign_option(option, options.foreign));
  if (foreign) return {};
  for (const FlagOption& row : kFlagOptions) {
    if (option != row.name) continue;
    options.flags = (options.flags | row.set) & ~row.clear;
    return {};
  }
  if (is_ignored(option)) return {};
  if (option == "blkdev") {
    options.fuseblk = true;
  } else if (option == "allow_other") {
    options.allow_other = true;
  } else if (option == "live") {
    options.keeps_live_state = true;
  } else if (option == "resume") {
    options.keeps_live_state = true;
    options.resumes = true;
  } else if (option == "checked") {
    options.checked = true;
  } else if (const auto equals = option.find('='); equals != std::string_view::npos) {
    return apply_setting(options, option.substr(0, equals), option.substr(equals + 1));
  } else if (!option.empty()) {
    return fail(Errc::kInvalidArgument, "unknown option {}", quote(option));
  }
  return {};
}

Result<void> apply_list(DriverOptions& options, std::string_view list) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    TRY_VOID(apply(options, list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return {};
}

}  // namespace

bool DriverOptions::read_only() const {
  return (flags & MS_RDONLY) != 0;
}

Result<DriverOptions> parse_driver_options(std::span<const std::string> arguments) {
  DriverOptions options = {.flags = MS_NOSUID | MS_NODEV};
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "-o") {
      if (++i == arguments.size()) return fail(Errc::kInvalidArgument, "-o needs a list");
      TRY_VOID(apply_list(options, arguments[i]));
    } else {
      words.push_back(arguments[i]);
    }
  }
  if (words.size() != 3)
    return fail(Errc::kInvalidArgument, "expected a type, a medium and a mount point, not {} words",
                words.size());
  options.subtype = std::move(words[0]);
  options.medium = std::move(words[1]);
  options.mount_point = std::move(words[2]);
  return options;
}

}  // namespace airlock
