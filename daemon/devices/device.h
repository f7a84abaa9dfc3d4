// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

enum class DeviceKind { kDisk, kPartition, kOptical, kLoop };

constexpr std::string_view to_word(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kDisk:
      return "disk";
    case DeviceKind::kPartition:
      return "partition";
    case DeviceKind::kOptical:
      return "optical";
    case DeviceKind::kLoop:
      return "loop";
  }
  std::abort();
}

// One block device as udev and sysfs describe it; we read nothing from the medium for it. Names,
// models and serial numbers come from the hardware: foreign text.
struct Device {
  dev_t number = 0;
  std::uint64_t disk_sequence = 0;  // the kernel's count of media so far; tells a new stick from an
                                    // old one with the same number. 0: not known
  std::string name;                 // "sdb1"
  std::string node;                 // "/dev/sdb1"
  std::string sysfs_path;
  DeviceKind kind = DeviceKind::kDisk;
  dev_t drive = 0;         // the whole disk; the device itself if it is one
  std::string drive_name;  // "sdb"

  std::string vendor, model, serial;
  std::string bus;   // "usb", "mmc", "ieee1394", "thunderbolt", "ata", "virtual", ...; may be empty
  std::string port;  // udev's ID_PATH: where it is plugged in
  // The file behind a loop device and its partitions, by the kernel's name; empty for others.
  // Foreign text: the user who attached the file chose its name. Never opened.
  std::string backing_file;
  std::string seat = "seat0";
  std::uint64_t size = 0;  // bytes; 0: no medium
  std::uint32_t sector_size = 512;
  bool read_only = false;
  bool removable = false;       // sysfs `removable`, or a bus that people plug things into
  bool has_partitions = false;  // the kernel found a partition table with at least one partition
  bool ejectable = false;
  bool left_to_udisks = false;     // udev says AIRLOCK_MOUNTED_BY=udisks
  bool ignored = false;            // udev says UDISKS_IGNORE=1 or AIRLOCK_IGNORE=1
  std::string system_reason;       // not empty: belongs to the system, and why: "/etc/fstab
                                   // names it", "it holds the running system"
  std::vector<std::string> users;  // as users_of_device(): its current users in the kernel
};

enum class DeviceEvent { kAdded, kChanged, kRemoved };

// A source of devices: first a snapshot, then events.
class DeviceSource {
 public:
  using Listener = std::move_only_function<void(DeviceEvent, const Device&)>;

  virtual ~DeviceSource() = default;
  // Begins to listen and then enumerates: reports every present device once as kAdded before it
  // returns. Events then arrive through the event loop, without duplicates. A medium change in a
  // reader is kRemoved (size 0) or kChanged with another disk_sequence.
  virtual Result<void> start(Listener listener) = 0;
  // Reports changes that have no event, or whose event has not arrived yet.
  virtual void look_again() = 0;
  // The current device, by node ("/dev/sdb1", also a symlink) or number.
  virtual std::optional<Device> find(const std::string& node) = 0;
  virtual std::optional<Device> find(dev_t number) = 0;
};

}  // namespace airlock
