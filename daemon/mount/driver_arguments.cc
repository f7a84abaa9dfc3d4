// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/driver_arguments.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/protocol/foreign_options.h"

namespace airlock {
namespace {

struct NamedFlag {
  std::string_view name;
  std::uint32_t flag;
};
constexpr auto kNamedFlags = std::to_array<NamedFlag>({
    {"noexec", MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC},
    {"noatime", MS_NOATIME},
    {"nodiratime", MS_NODIRATIME},
    {"nosymfollow", MS_NOSYMFOLLOW},
    {"nosuid", MS_NOSUID},
    {"nodev", MS_NODEV},
});

// For a driver that looks at the mark of a medium that was not cleanly unmounted.
constexpr std::string_view kFoundConsistent = "checked";

bool names_owner(const std::string& word) {
  return word.starts_with("owner=");
}

bool only_ours_understand(const std::string& word) {
  ForeignOptions foreign;
  return names_owner(word) || word.starts_with("uid=") || word.starts_with("gid=") ||
         apply_foreign_option(word, foreign).value_or(false);
}

}  // namespace

std::string options_for_driver(const DriverArguments& options, DriverOrigin origin) {
  const bool ours = origin == DriverOrigin::kOurs;
  std::string text = (options.flags & MS_RDONLY) != 0 ? "ro" : "rw";
  for (const NamedFlag& named : kNamedFlags)
    if ((options.flags & named.flag) != 0) text += fmt::format(",{}", named.name);
  if (options.block) text += ",blkdev";
  if (options.allow_other) text += ",allow_other";
  if (ours && options.live) text += ",live";
  if (ours && options.resume) text += ",resume";
  if (ours && options.found_consistent) text += fmt::format(",{}", kFoundConsistent);
  for (const std::string& word : options.words)
    if (ours || !only_ours_understand(word)) text += "," + word;
  if (!ours) return text;
  if (std::ranges::none_of(options.words, names_owner)) text += ",owner=user";
  return text + fmt::format(",uid={},gid={}", options.user, options.group);
}

}  // namespace airlock
