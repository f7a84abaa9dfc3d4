// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings_report.h"

#include <chrono>
#include <string>

namespace airlock {
namespace {

using TextMap = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;

PropertyValue to_value(const bool& value) {
  return value;
}
PropertyValue to_value(const std::string& value) {
  return value;
}
PropertyValue to_value(const std::vector<std::string>& value) {
  return value;
}
PropertyValue to_value(std::chrono::seconds value) {
  return static_cast<std::uint64_t>(value.count());
}
template <typename Word>
  requires std::is_enum_v<Word>
PropertyValue to_value(Word value) {
  return std::string(to_word(value));
}

class Report {
 public:
  template <typename T>
  void add(const std::string& name, const Setting<T>& setting) {
    properties_.emplace(name, to_value(setting.value));
    if (!setting.origin.built_in()) origins_.emplace(name, setting.origin.text());
  }
  void add(const std::string& name, PropertyValue value) {
    properties_.emplace(name, std::move(value));
  }
  PropertyMap finish() {
    properties_.emplace("origins", std::move(origins_));
    return std::move(properties_);
  }

 private:
  PropertyMap properties_;
  TextMap origins_;
};

}  // namespace

PropertyMap to_properties(const Settings& settings) {
  Report report;
  each_medium_setting([&](const char* key, auto member) { report.add(key, member(settings)); });
  report.add("uncontained", settings.uncontained);
  report.add("mount-base", settings.mount_base);
  report.add("idle-exit", to_value(settings.idle_exit));
  report.add("deadlines.mount", to_value(settings.deadlines.mount));
  report.add("deadlines.check", to_value(settings.deadlines.check));
  report.add("deadlines.silence", to_value(settings.deadlines.silence));
  report.add("deadlines.heartbeat", to_value(settings.deadlines.heartbeat));
  report.add("drivers.order", to_value(settings.driver_order));
  report.add("drivers.disabled", settings.disabled_drivers);
  report.add("limits.images-per-user", PropertyValue(settings.limits.images_per_user));
  report.add("limits.calls-per-user", PropertyValue(settings.limits.calls_per_user));
  report.add("limits.volumes", PropertyValue(settings.limits.volumes));
  report.add("limits.heals-per-minute", PropertyValue(settings.limits.heals_per_minute));
  std::vector<std::string> rules;
  for (const Rule& rule : settings.rules) rules.push_back(rule.origin.text());
  report.add("rules", PropertyValue(std::move(rules)));
  if (settings.switched) report.add("switched", to_value(*settings.switched));
  return report.finish();
}

}  // namespace airlock
