// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/device_facts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <limits>
#include <string_view>

#include "daemon/devices/device_bus.h"
#include "daemon/devices/foreign_text.h"

namespace airlock {
namespace {

constexpr std::size_t kMostNameBytes = 64;
constexpr std::size_t kMostWordBytes = 128;  // vendor, model, serial
constexpr std::size_t kMostPortBytes = 512;
constexpr std::size_t kMostPathBytes = 4096;
constexpr std::size_t kMostLinks = 256;
// Sizes in sysfs count these, whatever the device's own sector size is.
constexpr std::uint64_t kSysfsSector = 512;
// The kernel's size for an optical drive that it could not ask; no real disc has this size, because
// it is not a multiple of 2048.
constexpr std::uint64_t kUnknownOpticalSectors = 0x1fffff;

bool is_set(std::string_view value) {
  return value == "1";
}

std::uint64_t number(std::string_view text) {
  return parse_decimal(text).value_or(0);
}

bool is_named(std::string_view name, std::initializer_list<std::string_view> beginnings) {
  return std::ranges::any_of(beginnings, [&](auto begin) { return name.starts_with(begin); });
}

bool is_partition(udev_device* device) {
  return or_empty(udev_device_get_devtype(device)) == "partition";
}

// The whole disk; nothing for a partition whose disk is not known.
udev_device* drive_of(udev_device* device) {
  if (!is_partition(device)) return device;
  udev_device* const parent = udev_device_get_parent(device);
  const bool is_disk = parent != nullptr && or_empty(udev_device_get_subsystem(parent)) == "block";
  return is_disk ? parent : nullptr;
}

std::optional<DeviceKind> kind_of(udev_device* device) {
  if (is_partition(device)) return DeviceKind::kPartition;
  const std::string_view name = or_empty(udev_device_get_sysname(device));
  if (is_named(name, {"ram", "zram", "fd", "mtdblock"})) return std::nullopt;
  if (name.starts_with("sr") || is_set(property(device, "ID_CDROM"))) return DeviceKind::kOptical;
  if (!name.starts_with("loop")) return DeviceKind::kDisk;
  if (attribute(device, "loop/backing_file").empty()) return std::nullopt;
  return DeviceKind::kLoop;
}

bool is_plausible(const Device& device) {
  return device.number != 0 && !device.name.empty() && device.name.size() <= kMostNameBytes &&
         device.node.starts_with("/dev/") && device.node.size() <= kMostNameBytes &&
         !device.sysfs_path.empty() && device.sysfs_path.size() <= kMostPathBytes;
}

// The first of these that is not empty.
std::string first_word(std::initializer_list<std::string_view> candidates) {
  for (const std::string_view candidate : candidates)
    if (std::string word = clean_text(candidate, kMostWordBytes); !word.empty()) return word;
  return {};
}

// The _ENC properties still have, as escapes, the blanks and letters that the plain ones lost.
std::string decoded(udev_device* device, const char* name) {
  return decode_udev(property(device, name).substr(0, 4 * kMostWordBytes));
}

udev_device* usb_device_above(udev_device* drive) {
  return udev_device_get_parent_with_subsystem_devtype(drive, "usb", "usb_device");
}

std::string_view usb_serial(udev_device* drive) {
  udev_device* const usb = usb_device_above(drive);
  return usb == nullptr ? std::string_view() : attribute(usb, "serial");
}

void describe_maker(udev_device* drive, Device& device) {
  device.vendor = first_word({decoded(drive, "ID_VENDOR_ENC"), property(drive, "ID_VENDOR"),
                              attribute(drive, "device/vendor")});
  device.model = first_word({decoded(drive, "ID_MODEL_ENC"), property(drive, "ID_MODEL"),
                             attribute(drive, "device/model"), attribute(drive, "device/name")});
  // The serial that SCSI shows in sysfs is the bridge's, so the USB device's own comes first.
  device.serial = first_word({property(drive, "ID_SERIAL_SHORT"), usb_serial(drive),
                              attribute(drive, "device/serial"), attribute(drive, "serial")});
  device.port = plain_token(property(drive, "ID_PATH"), kMostPortBytes);
  device.backing_file = clean_text(attribute(drive, "loop/backing_file"), kMostPathBytes);
}

std::uint64_t size_in_bytes(udev_device* device, DeviceKind kind) {
  const std::uint64_t sectors = number(attribute(device, "size"));
  if (sectors > std::numeric_limits<std::uint64_t>::max() / kSysfsSector) return 0;
  if (kind != DeviceKind::kOptical) return sectors * kSysfsSector;
  const bool udev_looked = is_set(property(device, "ID_CDROM"));
  const bool udev_saw_disc = is_set(property(device, "ID_CDROM_MEDIA"));
  const bool empty = udev_looked ? !udev_saw_disc : sectors == kUnknownOpticalSectors;
  return empty ? 0 : sectors * kSysfsSector;
}

std::uint32_t sector_size(udev_device* drive) {
  constexpr std::uint64_t kLargest = 65536;
  const std::uint64_t told = number(attribute(drive, "queue/logical_block_size"));
  const bool sensible = told >= kSysfsSector && told <= kLargest && std::has_single_bit(told);
  return sensible ? static_cast<std::uint32_t>(told) : static_cast<std::uint32_t>(kSysfsSector);
}

bool has_partitions(udev_device* drive) {
  std::error_code none;  // a disk that is gone has no partitions
  const std::filesystem::path folder(or_empty(udev_device_get_syspath(drive)));
  for (std::filesystem::directory_iterator it(folder, none), end; !none && it != end;
       it.increment(none))
    if (std::filesystem::exists(it->path() / "partition", none)) return true;
  return false;
}

bool is_ignored(udev_device* device) {
  // With the last one, device-mapper asks everybody to keep off a device that it is still building.
  constexpr std::array kMarks = {"UDISKS_IGNORE", "AIRLOCK_IGNORE",
                                 "DM_UDEV_DISABLE_OTHER_RULES_FLAG"};
  return std::ranges::any_of(kMarks, [&](auto mark) { return is_set(property(device, mark)); });
}

void describe_drive(udev_device* drive, Device& device) {
  const Connection connection = connection_of(drive);
  const bool says_removable = is_set(attribute(drive, "removable"));
  // A loop device is not removable, even if sysfs says so; only AIRLOCK_REMOVABLE makes it so.
  const bool is_loop = or_empty(udev_device_get_sysname(drive)).starts_with("loop");
  device.drive = udev_device_get_devnum(drive);
  device.drive_name = or_empty(udev_device_get_sysname(drive));
  device.disk_sequence = number(attribute(drive, "diskseq"));
  device.sector_size = sector_size(drive);
  device.bus = connection.bus;
  device.seat = connection.seat;
  device.removable = ((says_removable || connection.pluggable) && !is_loop) ||
                     is_set(property(drive, "AIRLOCK_REMOVABLE"));
  device.ejectable = says_removable || is_loop || kind_of(drive) == DeviceKind::kOptical;
  describe_maker(drive, device);
}

}  // namespace

std::optional<Device> describe_device(udev_device* device) {
  if (or_empty(udev_device_get_subsystem(device)) != "block") return std::nullopt;
  udev_device* const drive = drive_of(device);
  if (drive == nullptr || is_set(attribute(drive, "hidden"))) return std::nullopt;
  const auto kind = kind_of(device);
  if (!kind || !kind_of(drive)) return std::nullopt;

  Device found;
  found.kind = *kind;
  found.number = udev_device_get_devnum(device);
  found.name = or_empty(udev_device_get_sysname(device));
  found.node = or_empty(udev_device_get_devnode(device));
  found.sysfs_path = or_empty(udev_device_get_syspath(device));
  if (!is_plausible(found)) return std::nullopt;
  describe_drive(drive, found);
  found.size = size_in_bytes(device, *kind);
  found.read_only = is_set(attribute(device, "ro")) || is_set(attribute(drive, "ro"));
  found.has_partitions = device == drive && has_partitions(drive);
  found.left_to_udisks = property(device, "AIRLOCK_MOUNTED_BY") == "udisks";
  found.ignored = is_ignored(device);
  return found;
}

DeviceNames names_of_device(udev_device* device) {
  DeviceNames names;
  names.number = udev_device_get_devnum(device);
  udev_list_entry* link = udev_device_get_devlinks_list_entry(device);
  for (; link != nullptr && names.links.size() < kMostLinks; link = udev_list_entry_get_next(link))
    names.links.emplace_back(or_empty(udev_list_entry_get_name(link)));
  names.uuid = decode_udev(property(device, "ID_FS_UUID_ENC"));
  names.label = decode_udev(property(device, "ID_FS_LABEL_ENC"));
  names.partition_uuid = property(device, "ID_PART_ENTRY_UUID");
  names.partition_label = decode_udev(property(device, "ID_PART_ENTRY_NAME"));
  names.backing_file = attribute(device, "loop/backing_file");
  return names;
}

}  // namespace airlock
