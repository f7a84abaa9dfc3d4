// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/effective.h"

#include <algorithm>
#include <string_view>

#include "daemon/policy/rule_match.h"

namespace airlock {
namespace {

void apply_rule(const Rule& rule, EffectiveSettings& settings) {
  each_rule_setting([&](std::string_view, auto member) {
    if (const auto& said = member(rule)) member(settings) = {*said, rule.origin};
  });
}

void limit_automount(Automount most, std::string_view reason, EffectiveSettings& effective) {
  if (effective.automount.value <= most) return;
  effective.automount = {most, {}};
  effective.automount_reason = reason;
}

}  // namespace

EffectiveSettings effective_settings(const Settings& settings, const Facts& facts) {
  EffectiveSettings effective;
  each_medium_setting([&](std::string_view, auto member) { member(effective) = member(settings); });
  effective.removable.value = facts.device && facts.device->removable;
  // A switch to on replaces the setting; rules still apply after it.
  if (settings.switched == Automount::kOn) effective.automount = {Automount::kOn, {}};
  for (const Rule& rule : settings.rules)
    if (!why_no_match(rule.match, facts)) apply_rule(rule, effective);
  if (settings.switched)
    limit_automount(*settings.switched, "automount was switched by hand", effective);
  if (settings.mending)
    limit_automount(Automount::kOff, "the settings have an error that must be fixed first",
                    effective);
  return effective;
}

}  // namespace airlock
