// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/devices/device.h"
#include "daemon/devices/device_ledger.h"
#include "daemon/devices/system_devices.h"
#include "daemon/devices/udev_handles.h"
#include "daemon/devices/uevent_feed.h"
#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"

namespace airlock {

// The devices of this machine, through libudev. A message is only a reason to look: reports contain
// what sysfs and udev's database said just before. Never opens a device. Owned by the App; the loop
// must outlive it.
class UdevDeviceSource : public DeviceSource {
 public:
  static Result<std::unique_ptr<UdevDeviceSource>> create(EventLoop& loop,
                                                          std::unique_ptr<UeventFeed> feed,
                                                          SystemDevices::Places places);

  Result<void> start(Listener listener) override;
  // Follows paths only below /dev, and never into another mount there.
  void look_again() override { catch_up(); }
  std::optional<Device> find(const std::string& node) override;
  std::optional<Device> find(dev_t number) override;

 private:
  UdevDeviceSource(EventLoop& loop, UdevContext context, std::unique_ptr<UeventFeed> feed,
                   SystemDevices::Places places);

  void read_messages();
  void handle(const Uevent& event);
  void handle_removal(const Uevent& event);
  void look_at(const std::string& sysfs_path, dev_t number, DeviceLedger::Notice notice);
  void look_at_drive_of(const Device& partition);
  // Examines all devices. After a loss of messages a little later, so that a storm costs this once.
  [[nodiscard]] Result<std::vector<Device>> enumerate();
  void catch_up_later();
  void catch_up();

  [[nodiscard]] std::optional<Device> describe(udev_device* device);
  [[nodiscard]] std::string system_reason(udev_device* device, const Device& facts);
  [[nodiscard]] std::string reason_of_partitions(const Device& disk);
  void report(const DeviceLedger::Reports& reports);

  EventLoop& loop_;
  UdevContext context_;
  std::unique_ptr<UeventFeed> feed_;
  SystemDevices::Places places_;
  SystemDevices system_;
  DeviceLedger ledger_;
  Listener listener_;
  EventSource on_message_, on_catch_up_;
  bool lost_ = false;  // messages, since all devices were last examined
};

}  // namespace airlock
