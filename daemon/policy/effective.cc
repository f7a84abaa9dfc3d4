// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/effective.h"

#include <algorithm>
#include <optional>

#include "daemon/policy/rule_match.h"

namespace airlock {
namespace {

template <typename T>
void override_with(const std::optional<T>& said, const Rule& rule, Setting<T>& setting) {
  if (said) setting = {*said, rule.origin};
}

void apply_rule(const Rule& rule, EffectiveSettings& settings) {
  override_with(rule.automount, rule, settings.automount);
  override_with(rule.read_only, rule, settings.read_only);
  override_with(rule.exec, rule, settings.exec);
  override_with(rule.allow_other, rule, settings.allow_other);
  override_with(rule.sync, rule, settings.sync);
  override_with(rule.owner, rule, settings.owner);
  override_with(rule.options, rule, settings.options);
  override_with(rule.check, rule, settings.check);
  override_with(rule.driver, rule, settings.driver);
  override_with(rule.folder, rule, settings.folder);
  override_with(rule.ignore, rule, settings.ignore);
  override_with(rule.removable, rule, settings.removable);
}

void limit_automount(Automount most, std::string_view reason, EffectiveSettings& effective) {
  if (effective.automount.value <= most) return;
  effective.automount = {most, {}};
  effective.automount_reason = reason;
}

}  // namespace

EffectiveSettings effective_settings(const Settings& settings, const Facts& facts) {
  EffectiveSettings effective{.automount = settings.automount,
                              .automount_reason = {},
                              .read_only = settings.read_only,
                              .exec = settings.exec,
                              .allow_other = settings.allow_other,
                              .sync = settings.sync,
                              .owner = settings.owner,
                              .options = settings.options,
                              .check = settings.check};
  effective.removable.value = facts.device && facts.device->removable;
  // Switched on stands in for the setting; rules still come after it.
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
