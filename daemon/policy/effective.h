// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// What the settings say for one medium, once every rule that matches it has been applied, each
// value with the line it comes from. Defaults are those of a medium no rule mentions.
struct EffectiveSettings {
  Setting<Automount> automount;
  // Why automount is less than the files say; empty if it is not.
  std::string automount_reason;
  Setting<bool> read_only;
  Setting<bool> exec;
  Setting<bool> allow_other;
  Setting<bool> sync;
  Setting<FileOwner> owner;
  Setting<std::vector<std::string>> options;
  Setting<CheckWhen> check;
  Setting<std::string> driver;  // empty: by type
  Setting<std::string> folder;  // empty: by label
  Setting<bool> ignore;
  Setting<bool> removable;  // as the device says, unless a rule says otherwise
};

EffectiveSettings effective_settings(const Settings& settings, const Facts& facts);

}  // namespace airlock
