// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/option_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

struct FlagWord {
  std::string_view name;
  std::optional<bool> OptionWishes::* wish;
  bool value;
};
constexpr auto kFlagWords = std::to_array<FlagWord>({
    {"ro", &OptionWishes::read_only, true},
    {"rw", &OptionWishes::read_only, false},
    {"exec", &OptionWishes::exec, true},
    {"noexec", &OptionWishes::exec, false},
    {"allow_other", &OptionWishes::allow_other, true},
    {"sync", &OptionWishes::sync, true},
    {"async", &OptionWishes::sync, false},
    {"symfollow", &OptionWishes::follow_symlinks, true},
    {"nosymfollow", &OptionWishes::follow_symlinks, false},
});

struct TuningWord {
  std::string_view name;
  std::string_view opposite;
};
constexpr auto kTuningWords = std::to_array<TuningWord>({
    {"dirsync", {}},
    {"noatime", "atime"},
    {"nodiratime", "diratime"},
});

// These hold anyway, or a FUSE driver never sees them.
constexpr auto kWithoutEffect =
    std::to_array<std::string_view>({"defaults", "nosuid", "nodev", "relatime", "norelatime",
                                     "strictatime", "nostrictatime", "lazytime", "nolazytime"});

struct OwnSetting {
  std::string_view option;
  std::string_view setting;
};
constexpr auto kOwnSettings = std::to_array<OwnSetting>({
    {"ro", "read-only = true"},
    {"rw", "read-only = false"},
    {"exec", "exec = true"},
    {"noexec", "exec = false"},
    {"allow_other", "allow-other = true"},
    {"sync", "sync = true"},
    {"async", "sync = false"},
    {"owner=user", "owner = \"user\""},
    {"owner=media", "owner = \"media\""},
});

bool apply_flag(std::string_view option, OptionWishes& wishes) {
  const auto* row = std::ranges::find(kFlagWords, option, &FlagWord::name);
  if (row == kFlagWords.end()) return false;
  wishes.*(row->wish) = row->value;
  return true;
}

bool apply_tuning(std::string_view option, OptionWishes& wishes) {
  for (const TuningWord& word : kTuningWords) {
    const std::string name(word.name);
    if (option == word.name) {
      wishes.tuned.insert(name);
      wishes.untuned.erase(name);
    } else if (!word.opposite.empty() && option == word.opposite) {
      wishes.tuned.erase(name);
      wishes.untuned.insert(name);
    } else {
      continue;
    }
    return true;
  }
  return false;
}

Result<void> apply_value(std::string_view option, OptionWishes& wishes) {
  const std::size_t equals = std::min(option.find('='), option.size());
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = option.substr(std::min(equals + 1, option.size()));
  if (option == "owner=user" || option == "owner=media") {
    wishes.owner = value == "user" ? FileOwner::kUser : FileOwner::kMedia;
  } else if (name == "owner") {
    return fail(Errc::kInvalidArgument, "option owner is user or media, not {}", quote(value));
  } else if (name == "uid") {
    TRY(wishes.user, parse_id(name, value));
  } else if (name == "gid") {
    TRY(wishes.group, parse_id(name, value));
  } else {
    return fail(Errc::kInvalidArgument, "option {} is not known", quote(option));
  }
  return {};
}

Result<void> apply_option(std::string_view option, OptionWishes& wishes) {
  if (option.empty() || std::ranges::find(kWithoutEffect, option) != kWithoutEffect.end())
    return {};
  if (apply_flag(option, wishes) || apply_tuning(option, wishes)) return {};
  if (option == "suid" || option == "dev")
    return fail(Errc::kNotPermitted, "option {} is never allowed: media are always nosuid,nodev",
                option);
  if (option == "remount")
    return fail(Errc::kUnsupported, "a mount cannot be changed: unmount it and mount it again");
  if (option == "plain") {
    wishes.plain = true;
    return {};
  }
  TRY(const bool foreign, apply_foreign_option(option, wishes.foreign));
  return foreign ? Result<void>{} : apply_value(option, wishes);
}

}  // namespace

Result<OptionWishes> understand_options(std::span<const std::string> options) {
  OptionWishes wishes;
  for (const std::string& option : options) TRY_VOID(apply_option(option, wishes));
  return wishes;
}

std::string problem_in_settings(std::string_view option) {
  if (option == "nosymfollow" ||
      std::ranges::find(kTuningWords, option, &TuningWord::name) != kTuningWords.end())
    return {};
  ForeignOptions foreign;
  const auto known = apply_foreign_option(option, foreign);
  if (!known) return known.error().what;
  if (*known) return {};
  const auto* row = std::ranges::find(kOwnSettings, option, &OwnSetting::option);
  if (row != kOwnSettings.end())
    return fmt::format("option {} has a setting of its own: {}", quote(option), row->setting);
  return fmt::format(
      "an option is \"dirsync\", \"noatime\", \"nodiratime\", \"nosymfollow\" or one for FAT, not "
      "{}",
      quote(option));
}

}  // namespace airlock
