// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// What the settings say for one medium, once every rule that matches it has been applied, each
// value with the line it comes from. Defaults are those of a medium no rule mentions.
struct EffectiveSettings : RuleSettings<Setting> {
  // Why automount is less than the files say; empty if it is not.
  std::string automount_reason;
};

EffectiveSettings effective_settings(const Settings& settings, const Facts& facts);

}  // namespace airlock
