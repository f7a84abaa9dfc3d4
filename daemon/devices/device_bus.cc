// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/device_bus.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "daemon/devices/foreign_text.h"

namespace airlock {
namespace {

constexpr std::size_t kMostBusBytes = 32;
constexpr std::size_t kMostSeatBytes = 255;

struct BusOfSubsystem {
  std::string_view subsystem;
  std::string_view bus;
  bool pluggable;
};

// The first row that fits any parent wins, whichever parent is nearer: a SATA disk in a USB box has
// both as parents.
constexpr std::array kBuses = {
    BusOfSubsystem{"usb", "usb", true},
    BusOfSubsystem{"firewire", "ieee1394", true},
    BusOfSubsystem{"ieee1394", "ieee1394", true},
    BusOfSubsystem{"thunderbolt", "thunderbolt", true},
    BusOfSubsystem{"mmc", "mmc", true},
    BusOfSubsystem{"nvme", "nvme", false},
    BusOfSubsystem{"ata_port", "ata", false},
    BusOfSubsystem{"virtio", "virtio", false},
    BusOfSubsystem{"scsi", "scsi", false},
};

// An eMMC chip is soldered in; only cards are plugged. MultiMediaCards, which look the same, are no
// longer made.
bool is_soldered(udev_device* parent) {
  return or_empty(udev_device_get_subsystem(parent)) == "mmc" && attribute(parent, "type") == "MMC";
}

// The kernel calls a device behind an external port removable: Thunderbolt, USB4, ExpressCard. In
// sysfs these are below PCI, not below the thunderbolt bus.
bool is_outside_pci(udev_device* parent) {
  return or_empty(udev_device_get_subsystem(parent)) == "pci" &&
         attribute(parent, "removable") == "removable";
}

struct Walk {
  std::size_t row = kBuses.size();
  bool soldered = false;
  bool outside = false;
  std::string_view seat;
};

Walk walk_up(udev_device* drive) {
  Walk walk;
  for (udev_device* at = drive; at != nullptr; at = udev_device_get_parent(at)) {
    const std::string_view subsystem = or_empty(udev_device_get_subsystem(at));
    const auto* row = std::ranges::find(kBuses, subsystem, &BusOfSubsystem::subsystem);
    walk.row = std::min(walk.row, static_cast<std::size_t>(row - kBuses.begin()));
    walk.soldered |= is_soldered(at);
    walk.outside |= is_outside_pci(at);
    if (walk.seat.empty()) walk.seat = property(at, "ID_SEAT");
  }
  return walk;
}

std::string told_bus(udev_device* drive) {
  const std::string told = plain_token(property(drive, "ID_BUS"), kMostBusBytes);
  if (!told.empty()) return told;
  const std::string_view path = or_empty(udev_device_get_devpath(drive));
  return path.starts_with("/devices/virtual/") ? "virtual" : "";
}

}  // namespace

Connection connection_of(udev_device* drive) {
  const Walk walk = walk_up(drive);
  Connection found;
  if (walk.row < kBuses.size()) {
    found.bus = kBuses[walk.row].bus;
    found.pluggable = kBuses[walk.row].pluggable && !walk.soldered;
  }
  if (!found.pluggable && walk.outside) found = {.bus = "thunderbolt", .pluggable = true};
  if (found.bus.empty()) found.bus = told_bus(drive);
  found.seat = plain_token(walk.seat, kMostSeatBytes);
  if (found.seat.empty()) found.seat = "seat0";
  return found;
}

}  // namespace airlock
