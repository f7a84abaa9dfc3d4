// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/device_ledger.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace airlock {
namespace {

// All except the users: those change without an event, so nobody may rely on hearing of it.
auto facts(const Device& device) {
  return std::tie(device.number, device.disk_sequence, device.name, device.node, device.sysfs_path,
                  device.kind, device.drive, device.drive_name, device.vendor, device.model,
                  device.serial, device.bus, device.port, device.backing_file, device.seat,
                  device.size, device.sector_size, device.read_only, device.removable,
                  device.has_partitions, device.ejectable, device.ignored, device.system_reason);
}

void append(DeviceLedger::Reports& reports, DeviceLedger::Reports more) {
  std::ranges::move(more, std::back_inserter(reports));
}

}  // namespace

DeviceLedger::Reports DeviceLedger::seen(const Device& now, Notice notice) {
  Reports reports;
  if (now.size == 0) {
    reports = gone(now.number);
    if (!reports.empty()) reports.back().device.size = 0;
    return reports;
  }
  const auto found = entries_.find(now.number);
  // Another device got the number: that is two events, not a change.
  if (found != entries_.end() && found->second.device.sysfs_path != now.sysfs_path) {
    remove(now.number, reports);
    add(now, reports);
  } else if (found == entries_.end()) {
    add(now, reports);
  } else if (notice == Notice::kChange || facts(found->second.device) != facts(now)) {
    found->second.device = now;
    reports.push_back({DeviceEvent::kChanged, now});
  } else {
    found->second.device.users = now.users;
  }
  return reports;
}

DeviceLedger::Reports DeviceLedger::gone(dev_t number) {
  Reports reports;
  remove(number, reports);
  return reports;
}

DeviceLedger::Reports DeviceLedger::only(const std::vector<Device>& present) {
  std::vector<dev_t> missing;
  for (const auto& [number, entry] : entries_)
    if (std::ranges::find(present, number, &Device::number) == present.end())
      missing.push_back(number);
  Reports reports;
  for (const dev_t number : missing) remove(number, reports);
  for (const Device& device : present) append(reports, seen(device, Notice::kLook));
  return reports;
}

bool DeviceLedger::is_news(dev_t number, std::uint64_t sequence_number) const {
  const auto found = entries_.find(number);
  return found == entries_.end() || sequence_number == 0 ||
         sequence_number > found->second.sequence_number;
}

void DeviceLedger::accepted(dev_t number, std::uint64_t sequence_number) {
  if (const auto found = entries_.find(number); found != entries_.end())
    found->second.sequence_number = std::max(found->second.sequence_number, sequence_number);
}

const Device* DeviceLedger::find(dev_t number) const {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : &found->second.device;
}

void DeviceLedger::add(const Device& device, Reports& reports) {
  if (entries_.size() >= kMostDevices) return;
  entries_.emplace(device.number, Entry{device});
  reports.push_back({DeviceEvent::kAdded, device});
}

void DeviceLedger::remove(dev_t number, Reports& reports) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) return;
  std::vector<dev_t> partitions;
  for (const auto& [other, entry] : entries_)
    if (entry.device.drive == number && other != number) partitions.push_back(other);
  for (const dev_t partition : partitions) remove(partition, reports);
  reports.push_back({DeviceEvent::kRemoved, found->second.device});
  entries_.erase(number);
}

}  // namespace airlock
