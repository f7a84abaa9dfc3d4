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

// Mount options as callers write them, understood. What is not mentioned stays open. Whether the
// caller may have it is for the policy to say.
struct OptionWishes {
  std::optional<bool> read_only;
  std::optional<bool> exec;
  std::optional<bool> allow_other;
  std::optional<bool> sync;
  std::optional<bool> follow_symlinks;
  std::optional<FileOwner> owner;
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  bool plain = false;             // fuse even where fuseblk could be
  ForeignOptions foreign;         // for drivers that have the ability
  std::set<std::string> tuned;    // dirsync, noatime, nodiratime
  std::set<std::string> untuned;  // those of them the caller took back
};

// The one list of options a caller can write. The later of two that contradict counts. Errors are
// sentences that name the option: Errc::kInvalidArgument for one nobody knows,
// Errc::kNotPermitted for one nobody gets.
Result<OptionWishes> understand_options(std::span<const std::string> options);

// Which words `options` of a settings file may hold: those without a setting of their own. Empty
// if it may, else the sentence to show.
std::string problem_in_settings(std::string_view option);

}  // namespace airlock
