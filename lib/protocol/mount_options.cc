// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/mount_options.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/number.h"

namespace airlock {
namespace {

enum class Handling { kFlag, kNumber, kAllowOther, kDrop, kRefuse };

struct OptionRule {
  std::string_view name;
  Handling handling;
};

// Everything not listed is unknown. What is dropped repeats the mount flags, which the driver sends
// (and we screen) separately; what is refused is decided before the driver runs.
constexpr std::array kOptionRules = {
    OptionRule{"default_permissions", Handling::kFlag},
    OptionRule{"max_read", Handling::kNumber},
    OptionRule{"blksize", Handling::kNumber},
    OptionRule{"allow_other", Handling::kAllowOther},
    OptionRule{"allow_root", Handling::kRefuse},
    OptionRule{"fd", Handling::kRefuse},
    OptionRule{"rootmode", Handling::kRefuse},
    OptionRule{"user_id", Handling::kRefuse},
    OptionRule{"group_id", Handling::kRefuse},
    OptionRule{"source", Handling::kRefuse},
    OptionRule{"subtype", Handling::kRefuse},
    OptionRule{"context", Handling::kRefuse},
    OptionRule{"fscontext", Handling::kRefuse},
    OptionRule{"defcontext", Handling::kRefuse},
    OptionRule{"rootcontext", Handling::kRefuse},
    OptionRule{"ro", Handling::kDrop},
    OptionRule{"rw", Handling::kDrop},
    OptionRule{"suid", Handling::kDrop},
    OptionRule{"nosuid", Handling::kDrop},
    OptionRule{"dev", Handling::kDrop},
    OptionRule{"nodev", Handling::kDrop},
    OptionRule{"exec", Handling::kDrop},
    OptionRule{"noexec", Handling::kDrop},
    OptionRule{"noatime", Handling::kDrop},
    OptionRule{"nodiratime", Handling::kDrop},
    OptionRule{"norelatime", Handling::kDrop},
    OptionRule{"nostrictatime", Handling::kDrop},
    OptionRule{"symfollow", Handling::kDrop},
    OptionRule{"nosymfollow", Handling::kDrop},
    OptionRule{"user", Handling::kDrop},
};

struct Option {
  std::string_view name;
  bool has_value = false;
  std::string_view value;
};

Option split(std::string_view token) {
  const std::size_t equals = token.find('=');
  if (equals == token.npos) return {.name = token};
  return {.name = token.substr(0, equals), .has_value = true, .value = token.substr(equals + 1)};
}

enum class Verdict { kPassOn, kDrop, kDropAllowOther };

std::expected<Verdict, std::uint32_t> screen(const Option& option, AllowOther allow_other) {
  const auto* rule = std::ranges::find(kOptionRules, option.name, &OptionRule::name);
  if (rule == kOptionRules.end()) return std::unexpected(EINVAL);
  switch (rule->handling) {
    case Handling::kRefuse:
      return std::unexpected(EPERM);
    case Handling::kDrop:
      return Verdict::kDrop;
    case Handling::kAllowOther:
      if (option.has_value) return std::unexpected(EINVAL);
      return allow_other == AllowOther::kYes ? Verdict::kPassOn : Verdict::kDropAllowOther;
    case Handling::kFlag:
      if (option.has_value) return std::unexpected(EINVAL);
      return Verdict::kPassOn;
    case Handling::kNumber:
      if (!parse_number<std::uint32_t>(option.value).has_value()) return std::unexpected(EINVAL);
      return Verdict::kPassOn;
  }
  return std::unexpected(EINVAL);
}

}  // namespace

std::expected<ScreenedOptions, std::uint32_t> screen_options(std::string_view options,
                                                             AllowOther allow_other) {
  // Quotes let a comma hide from the reader that splits at every one.
  if (options.find_first_of("\"'\\") != options.npos) return std::unexpected(EPERM);
  ScreenedOptions screened;
  while (!options.empty()) {
    const std::string_view token = options.substr(0, options.find(','));
    options.remove_prefix(std::min(options.size(), token.size() + 1));
    if (token.empty()) continue;
    if (token.size() > kMaxKernelString) return std::unexpected(EINVAL);
    const auto verdict = screen(split(token), allow_other);
    if (!verdict) return std::unexpected(verdict.error());
    if (*verdict == Verdict::kPassOn) screened.accepted.emplace_back(token);
    if (*verdict == Verdict::kDropAllowOther) screened.refused_allow_other = true;
  }
  return screened;
}

}  // namespace airlock
