// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>
#include <time.h>

#include <set>
#include <string>
#include <vector>

#include "daemon/devices/named_devices.h"
#include "daemon/system/busy.h"

namespace airlock {

// The names of a device. Those from its content were found by udev, and anybody can give a stick
// the label of a system disk: a match means hands off, never more rights.
struct DeviceNames {
  dev_t number = 0;
  std::vector<std::string> links;  // "/dev/disk/by-uuid/..."
  std::string uuid, label;
  std::string partition_uuid, partition_label;
  std::string backing_file;  // of a loop device
};

// Tells which devices belong to the system and not to Airlock: fstab or crypttab names them, or the
// running system is on them. Called for every device and event, so it reads the two tables again
// only when they changed; it asks the kernel each time what is mounted.
class SystemDevices {
 public:
  struct Places {
    std::string fstab = "/etc/fstab";
    std::string crypttab = "/etc/crypttab";
    std::string dev = "/dev";
    SystemView view;
  };

  explicit SystemDevices(Places places);

  // Why the device belongs to the system, as a phrase for people: "/etc/fstab names it", "it holds
  // the running system". Empty if it does not. Only about the device itself: the caller combines a
  // disk and its partitions.
  std::string reason(const DeviceNames& device);

 private:
  // An administrator's table at the last reading.
  struct Table {
    std::string path;
    NameColumn column = NameColumn::kFirst;
    bool present = false;
    timespec changed = {};
    off_t size = 0;
    ino_t inode = 0;
    std::vector<std::string> names;

    void refresh();
  };

  [[nodiscard]] bool means(const std::string& name, const DeviceNames& device) const;
  [[nodiscard]] std::set<dev_t> devices_of_running_system() const;
  void add_with_parts(dev_t device, std::set<dev_t>& into) const;
  [[nodiscard]] bool is_node_of(const std::string& path, dev_t device) const;

  Places places_;
  Table fstab_, crypttab_;
};

}  // namespace airlock
