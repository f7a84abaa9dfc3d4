// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/api/property_map.h"
#include "daemon/policy/decision.h"
#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"
#include "lib/base/error.h"

namespace airlock {

// What the volumes need from the settings in force. Others read and watch the settings files.
class VolumeRules {
 public:
  struct Limits {
    std::size_t images_per_user = 16;
    std::size_t requests_per_user = 64;
    std::size_t volumes = 1024;
  };

  virtual ~VolumeRules() = default;
  [[nodiscard]] virtual Decision decide(const Facts& facts) const = 0;
  // Whether the medium counts as one that people plug in and out; a rule may change that.
  [[nodiscard]] virtual bool removable(const Facts& facts) const = 0;
  // A decision explained for people: "decision", "reason", "rule" and the steps to it.
  [[nodiscard]] virtual PropertyMap explain(const Facts& facts) const = 0;
  [[nodiscard]] virtual PropertyMap describe() const = 0;
  [[nodiscard]] virtual Limits limits() const = 0;
  [[nodiscard]] virtual Uncontained uncontained() const = 0;
  [[nodiscard]] virtual std::string automount() const = 0;  // "on", "ask", "off"
  // Lasts until airlockd ends; Errc::kInvalidArgument if the word is not a mode.
  virtual Result<void> switch_automount(const std::string& mode) = 0;
  // What is wrong with the files, so that older settings stay in force; empty: nothing.
  [[nodiscard]] virtual std::string problem() const = 0;
  // Called after anything of the above changed.
  virtual void on_change(std::move_only_function<void()> callback) = 0;
};

}  // namespace airlock
