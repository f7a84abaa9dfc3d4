// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/policy/settings.h"
#include "daemon/policy/settings_files.h"
#include "daemon/volumes/rules.h"

namespace airlock {

// VolumeRules from settings files and the policy. Reads the files when it is made, and on reload();
// others notice that the files changed.
class SettingsRules final : public VolumeRules {
 public:
  explicit SettingsRules(SettingsPlaces places);
  // Takes settings that are not in a file, for tests.
  explicit SettingsRules(Settings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] const Settings& settings() const { return settings_; }
  // Reads the files again. Logs what is wrong with them, and then keeps the old settings.
  void reload();
  void replace(Settings settings);

  [[nodiscard]] Decision decide(const Facts& facts) const override;
  [[nodiscard]] bool removable(const Facts& facts) const override;
  [[nodiscard]] PropertyMap explain(const Facts& facts) const override;
  [[nodiscard]] PropertyMap describe() const override;
  [[nodiscard]] Limits limits() const override;
  [[nodiscard]] Uncontained uncontained() const override { return settings_.uncontained.value; }
  [[nodiscard]] std::string automount() const override;
  Result<void> switch_automount(const std::string& mode) override;
  [[nodiscard]] std::string problem() const override { return problem_; }
  void on_change(std::move_only_function<void()> callback) override;

 private:
  void take(SettingsLoad load);

  SettingsPlaces places_;
  Settings settings_;
  std::string problem_;
  std::vector<std::move_only_function<void()>> callbacks_;
};

}  // namespace airlock
