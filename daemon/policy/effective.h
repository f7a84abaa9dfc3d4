// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// The settings for one medium after every matching rule has been applied, each value with the line
// that it comes from. Defaults are those of a medium that no rule mentions.
struct EffectiveSettings : RuleSettings<Setting> {
  // Why automount is less than the files allow; empty if it is not.
  std::string automount_reason;
};

EffectiveSettings effective_settings(const Settings& settings, const Facts& facts);

}  // namespace airlock
