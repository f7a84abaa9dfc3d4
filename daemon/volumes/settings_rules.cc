// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/settings_rules.h"

#include <array>
#include <utility>

#include "daemon/policy/effective.h"
#include "daemon/policy/explain.h"
#include "daemon/policy/policy.h"
#include "daemon/policy/settings_report.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {

SettingsRules::SettingsRules(SettingsPlaces places) : places_(std::move(places)) {
  take(load_settings(places_));
}

void SettingsRules::take(SettingsLoad load) {
  settings_ = std::move(load.settings);
  problem_ = load.error ? load.error->message() : "";
  if (load.error) log(LogLevel::kError, "settings: {}", problem_);
  for (auto& callback : callbacks_) callback();
}

void SettingsRules::reload() {
  take(reload_settings(places_, settings_));
  if (problem_.empty()) log(LogLevel::kInfo, "the settings were read again");
}

void SettingsRules::replace(Settings settings) {
  take({.settings = std::move(settings), .error = {}});
}

Decision SettingsRules::decide(const Facts& facts) const {
  return airlock::decide(settings_, facts);
}

bool SettingsRules::removable(const Facts& facts) const {
  return effective_settings(settings_, facts).removable.value;
}

PropertyMap SettingsRules::explain(const Facts& facts) const {
  return to_properties(airlock::explain(settings_, facts));
}

PropertyMap SettingsRules::describe() const {
  return to_properties(settings_);
}

VolumeRules::Limits SettingsRules::limits() const {
  return {.images_per_user = settings_.limits.images_per_user,
          .requests_per_user = settings_.limits.calls_per_user,
          .volumes = settings_.limits.volumes};
}

std::string SettingsRules::automount() const {
  return std::string(to_word(settings_.switched.value_or(settings_.automount.value)));
}

Result<void> SettingsRules::switch_automount(const std::string& mode) {
  constexpr std::array kModes = {Automount::kOff, Automount::kAsk, Automount::kOn};
  for (const Automount known : kModes) {
    if (mode != to_word(known)) continue;
    settings_.switched = known;
    for (auto& callback : callbacks_) callback();
    return {};
  }
  return fail(Errc::kInvalidArgument, "automount is on, ask or off, not {}", quote(mode));
}

void SettingsRules::on_change(std::move_only_function<void()> callback) {
  callbacks_.push_back(std::move(callback));
}

}  // namespace airlock
