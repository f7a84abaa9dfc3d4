// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/bus/bus_object.h"
#include "dbus/manager_glue.h"

namespace airlock {

// org.airlock1.Manager at /org/airlock1, which is also the object manager of everything below.
// Unpacks, asks the Service, replies.
class ManagerObject final : public BusObject<org::airlock1::Manager_adaptor> {
 public:
  ManagerObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path, std::string id);
  ~ManagerObject() override;

 private:
  void PrepareHandover(sdbus::Result<std::string>&& result) override;
  void OpenImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string handover, std::string name,
                 BusOptions options) override;
  void AdoptMount(sdbus::Result<sdbus::ObjectPath>&& result, std::uint64_t mount,
                  std::uint64_t mount_namespace, std::string handover, std::string program,
                  std::string origin, std::uint32_t user) override;
  void MountAt(sdbus::Result<sdbus::ObjectPath>&& result, std::string device, std::string handover,
               std::uint64_t mount_namespace, BusOptions options) override;
  void FindVolume(sdbus::Result<sdbus::ObjectPath>&& result, std::string device) override;
  void Explain(sdbus::Result<BusMap>&& result, std::string device) override;
  void ListDrivers(sdbus::Result<std::vector<BusMap>>&& result) override;
  void SetAutomount(sdbus::Result<>&& result, std::string mode, BusOptions options) override;
  void GetSettings(sdbus::Result<BusMap>&& result) override;

  std::string Version() override { return text("Version"); }
  std::string Automount() override { return text("Automount"); }
  std::uint32_t Waiting() override { return number("Waiting"); }
  std::string SettingsProblem() override { return text("SettingsProblem"); }
};

}  // namespace airlock
