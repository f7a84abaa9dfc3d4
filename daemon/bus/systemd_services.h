// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/launch/service_manager.h"

namespace airlock {

// systemd, asked over the bus without waiting. It unloads a driver's unit as soon as the driver
// ends (CollectMode=inactive-or-failed) unless somebody holds a reference, so keep() takes one.
class SystemdServices final : public ServiceManager {
 public:
  // `connection` must outlive it and the services it returns.
  explicit SystemdServices(sdbus::IConnection& connection) : connection_(connection) {}
  std::unique_ptr<Service> keep(const std::string& unit, pid_t main_process) override;

 private:
  sdbus::IConnection& connection_;
};

// The bus path of a systemd unit: "/org/freedesktop/systemd1/unit/a_2eservice".
std::string systemd_unit_path(std::string_view unit);

// Reads the properties of org.freedesktop.systemd1.Service.
ServiceAnswer service_answer(const std::map<std::string, sdbus::Variant>& properties,
                             pid_t main_process);

}  // namespace airlock
