// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/devices/device.h"

namespace airlock {

// A machine whose devices a test plugs and pulls. It keeps the promises of DeviceSource, so that a
// listener that works with it works with the real one: the state has changed before the listener
// hears of it, partitions go before their disk, and nothing is reported twice. Only one thing
// differs: plug(), unplug() and change() call the listener themselves, not the loop.
class FakeDeviceSource : public DeviceSource {
 public:
  // ---- For the test ----

  // A device appears. Missing fields are filled in: node, number, sysfs path, drive, and the next
  // disk sequence number (a partition has that of its disk).
  Device plug(Device device) {
    complete(device);
    devices_[device.name] = device;
    report(DeviceEvent::kAdded, device);
    return device;
  }

  // A device is pulled out; partitions of a disk go first.
  void unplug(const std::string& name) {
    for (const std::string& partition : partitions_of(name)) remove(partition);
    remove(name);
  }

  // Something about a device changes: change("sdb", [](Device& device) { device.size = 0; }).
  template <typename Change>
  void change(const std::string& name, Change how) {
    const auto found = devices_.find(name);
    if (found == devices_.end()) return;
    how(found->second);
    const Device changed = found->second;
    report(DeviceEvent::kChanged, changed);
  }

  // As change(), but without an event: only find() shows it.
  template <typename Change>
  void change_silently(const std::string& name, Change how) {
    if (const auto found = devices_.find(name); found != devices_.end()) how(found->second);
  }

  // Another medium in the same reader: partitions go, and the disk has a new sequence number.
  void change_medium(const std::string& name) {
    for (const std::string& partition : partitions_of(name)) remove(partition);
    change(name, [this](Device& device) { device.disk_sequence = ++last_sequence_; });
  }

  // A second name of a device: link("/dev/disk/by-label/STICK", "/dev/sdb1").
  void link(const std::string& symlink, const std::string& node) { links_[symlink] = node; }

  // Makes start() fail with this error.
  void fail_start(Error error) { start_error_ = std::move(error); }

  [[nodiscard]] bool started() const { return static_cast<bool>(listener_); }

  // ---- Typical devices ----

  // An empty-looking USB stick of 8 GB: usb_stick("sdb").
  static Device usb_stick(const std::string& name) {
    return Device{.name = name,
                  .vendor = "Vendor",
                  .model = "Stick",
                  .serial = "0001",
                  .bus = "usb",
                  .port = "pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0",
                  .size = 8'000'000'000,
                  .removable = true,
                  .ejectable = true};
  }

  // A disk inside the machine.
  static Device internal_disk(const std::string& name) {
    return Device{
        .name = name, .model = "Disk", .serial = "0002", .bus = "ata", .size = 500'000'000'000};
  }

  static Device optical_drive(const std::string& name) {
    return Device{.name = name,
                  .kind = DeviceKind::kOptical,
                  .vendor = "Vendor",
                  .model = "DVD",
                  .bus = "ata",
                  .size = 700'000'000,
                  .sector_size = 2048,
                  .read_only = true,
                  .removable = true,
                  .ejectable = true};
  }

  static Device loop_device(const std::string& name) {
    return Device{
        .name = name, .kind = DeviceKind::kLoop, .bus = "virtual", .size = 64 * 1024 * 1024};
  }

  // A partition that takes up its disk: partition_of(stick, 1).
  static Device partition_of(const Device& disk, unsigned number) {
    Device partition = disk;
    partition.number = 0;
    const bool needs_p = !disk.name.empty() && disk.name.back() >= '0' && disk.name.back() <= '9';
    partition.name = disk.name + (needs_p ? "p" : "") + std::to_string(number);
    partition.node.clear();
    partition.sysfs_path.clear();
    partition.kind = DeviceKind::kPartition;
    partition.drive = disk.number;
    partition.drive_name = disk.name;
    partition.size = disk.size - std::min<std::uint64_t>(disk.size, 1024 * 1024);
    partition.has_partitions = false;
    return partition;
  }

  // A stick with one partition, plugged in: plug_stick("sdb") adds sdb and sdb1; returns sdb1.
  Device plug_stick(const std::string& name) {
    Device stick = usb_stick(name);
    stick.has_partitions = true;
    return plug(partition_of(plug(stick), 1));
  }

  // The same, before the event has arrived.
  Device plug_stick_silently(const std::string& name) {
    Listener listener = std::exchange(listener_, {});
    Device partition = plug_stick(name);
    listener_ = std::move(listener);
    return partition;
  }

  // ---- DeviceSource ----

  Result<void> start(Listener listener) override {
    if (start_error_) return std::unexpected(*start_error_);
    listener_ = std::move(listener);
    for (const std::string& name : names()) report(DeviceEvent::kAdded, devices_.at(name));
    return {};
  }

  void look_again() override {
    for (const std::string& name : names()) report(DeviceEvent::kAdded, devices_.at(name));
  }

  std::optional<Device> find(const std::string& node) override {
    const auto link = links_.find(node);
    const std::string& real = link == links_.end() ? node : link->second;
    return find_if([&](const Device& device) { return device.node == real; });
  }

  std::optional<Device> find(dev_t number) override {
    return find_if([&](const Device& device) { return device.number == number; });
  }

 private:
  void complete(Device& device) {
    if (device.node.empty()) device.node = "/dev/" + device.name;
    if (device.number == 0) device.number = makedev(8U, ++last_minor_);
    if (device.drive == 0) device.drive = device.number;
    if (device.drive_name.empty()) device.drive_name = device.name;
    if (device.sysfs_path.empty()) {
      device.sysfs_path = "/sys/devices/fake/block/" + device.drive_name;
      if (device.kind == DeviceKind::kPartition) device.sysfs_path += "/" + device.name;
    }
    if (device.disk_sequence != 0) return;
    const auto disk = devices_.find(device.drive_name);
    device.disk_sequence = disk != devices_.end() && device.kind == DeviceKind::kPartition
                               ? disk->second.disk_sequence
                               : ++last_sequence_;
  }

  void remove(const std::string& name) {
    const auto found = devices_.find(name);
    if (found == devices_.end()) return;
    const Device gone = found->second;
    devices_.erase(found);
    report(DeviceEvent::kRemoved, gone);
  }

  void report(DeviceEvent event, const Device& device) {
    if (listener_) listener_(event, Device(device));
  }

  // Disks before their partitions, as the names sort that way.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, device] : devices_) names.push_back(name);
    return names;
  }

  [[nodiscard]] std::vector<std::string> partitions_of(const std::string& disk) const {
    std::vector<std::string> partitions;
    for (const auto& [name, device] : devices_)
      if (device.kind == DeviceKind::kPartition && device.drive_name == disk)
        partitions.push_back(name);
    return partitions;
  }

  template <typename Fits>
  std::optional<Device> find_if(Fits fits) {
    for (const auto& [name, device] : devices_)
      if (fits(device)) return device;
    return std::nullopt;
  }

  Listener listener_;
  std::map<std::string, Device> devices_;
  std::map<std::string, std::string> links_;
  std::optional<Error> start_error_;
  unsigned last_minor_ = 0;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace airlock
