// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "daemon/policy/settings.h"
#include "lib/base/error.h"
#include "lib/protocol/foreign_options.h"

namespace airlock {

// Parsed mount options of a caller. Options that are not mentioned stay open. The policy decides
// whether the caller may have them.
struct OptionWishes {
  std::optional<bool> read_only;
  std::optional<bool> exec;
  std::optional<bool> allow_other;
  std::optional<bool> sync;
  std::optional<bool> follow_symlinks;
  std::optional<FileOwner> owner;
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  bool plain = false;             // fuse even where fuseblk is possible
  ForeignOptions foreign;         // for drivers that have the ability
  std::set<std::string> tuned;    // dirsync, noatime, nodiratime
  std::set<std::string> untuned;  // those of them that the caller revoked
};

// The one list of options that callers can use. Of two contradicting options, the later one counts.
// Errors are sentences that name the option: Errc::kInvalidArgument for an unknown one,
// Errc::kNotPermitted for one that nobody gets.
Result<OptionWishes> understand_options(std::span<const std::string> options);

// Whether `options` of a settings file may hold this word: only those without a setting of their
// own. Empty if it may, else the sentence to show.
std::string problem_in_settings(std::string_view option);

}  // namespace airlock
