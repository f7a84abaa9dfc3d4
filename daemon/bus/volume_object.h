// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/bus/bus_object.h"
#include "dbus/volume_glue.h"

namespace airlock {

// org.airlock1.Volume at /org/airlock1/volumes/ID. Unpacks, asks the Service, replies.
class VolumeObject final : public BusObject<org::airlock1::Volume_adaptor> {
 public:
  VolumeObject(CallDesk& desk, sdbus::IConnection& bus, const std::string& path, std::string id);
  ~VolumeObject() override;

 private:
  using Question = void (Service::*)(Call call, std::string volume, Reply<void> done);
  [[nodiscard]] BusMap details(const char* name) const;
  void ask(sdbus::Result<>&& result, const BusOptions& options, OptionSet taken, Question question);

  void Mount(sdbus::Result<std::string>&& result, BusOptions options) override;
  void Unmount(sdbus::Result<>&& result, BusOptions options) override;
  void Eject(sdbus::Result<>&& result, BusOptions options) override;
  void PowerOff(sdbus::Result<>&& result, BusOptions options) override;
  void Recover(sdbus::Result<std::string>&& result, std::string mode, BusOptions options) override;
  void Detach(sdbus::Result<>&& result, BusOptions options) override;
  void GetUsers(sdbus::Result<BusUsers>&& result) override;
  void GetLog(sdbus::Result<std::vector<std::string>>&& result) override;
  void GetContainment(sdbus::Result<std::string>&& result) override;
  void Check(sdbus::Result<BusMap>&& result, BusOptions options) override;
  void Repair(sdbus::Result<BusMap>&& result, BusOptions options) override;
  void SetLabel(sdbus::Result<>&& result, std::string label, BusOptions options) override;
  void Format(sdbus::Result<>&& result, std::string type, std::string label,
              BusOptions options) override;
  void GetCheckLog(sdbus::Result<std::vector<std::string>>&& result) override;

  std::string Id() override { return text("Id"); }
  std::string Device() override { return text("Device"); }
  std::uint64_t DeviceNumber() override { return big_number("DeviceNumber"); }
  std::string Drive() override { return text("Drive"); }
  std::string Kind() override { return text("Kind"); }
  std::string State() override { return text("State"); }
  std::string StateReason() override { return text("StateReason"); }
  std::string DecidedBy() override { return text("DecidedBy"); }
  std::string Usage() override { return text("Usage"); }
  std::string Type() override { return text("Type"); }
  std::string TypeVersion() override { return text("TypeVersion"); }
  std::string Label() override { return text("Label"); }
  std::string Uuid() override { return text("Uuid"); }
  bool Ambivalent() override { return flag("Ambivalent"); }
  std::string Condition() override { return text("Condition"); }
  std::uint64_t Size() override { return big_number("Size"); }
  std::string Vendor() override { return text("Vendor"); }
  std::string Model() override { return text("Model"); }
  std::string Serial() override { return text("Serial"); }
  std::string Bus() override { return text("Bus"); }
  std::string Port() override { return text("Port"); }
  std::string Seat() override { return text("Seat"); }
  bool Removable() override { return flag("Removable"); }
  bool Ejectable() override { return flag("Ejectable"); }
  bool WriteProtected() override { return flag("WriteProtected"); }
  std::string MountPoint() override { return text("MountPoint"); }
  bool MountedReadOnly() override { return flag("MountedReadOnly"); }
  std::string ReadOnlyReason() override { return text("ReadOnlyReason"); }
  std::uint32_t MountedFor() override { return number("MountedFor"); }
  std::uint64_t MountedSince() override { return big_number("MountedSince"); }
  std::string Driver() override { return text("Driver"); }
  std::string DriverOrigin() override { return text("DriverOrigin"); }
  std::uint32_t DriverPid() override { return number("DriverPid"); }
  BusMap Death() override { return details("Death"); }
  BusMap Healed() override { return details("Healed"); }
  BusMap LastCheck() override { return details("LastCheck"); }
  BusMap LastUnmount() override { return details("LastUnmount"); }
  BusMap Uncontained() override { return details("Uncontained"); }
};

}  // namespace airlock
