// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/properties.h"

#include <array>
#include <chrono>
#include <string_view>

#include "daemon/launch/call_names.h"

namespace airlock {
namespace {

std::string_view kind_name(const Volume& volume) {
  if (volume.image) return "image";
  return to_word(volume.device ? volume.device->kind : DeviceKind::kDisk);
}

std::string_view usage_name(ProbeUsage usage) {
  switch (usage) {
    case ProbeUsage::kNothing:
      return "nothing";
    case ProbeUsage::kFilesystem:
      return "filesystem";
    case ProbeUsage::kCrypto:
      return "crypto";
    case ProbeUsage::kRaid:
      return "raid";
    case ProbeUsage::kPartitionTable:
      return "partition-table";
    case ProbeUsage::kOther:
      return "other";
  }
  return "";
}

std::string_view condition_name(MediumState state) {
  switch (state) {
    case MediumState::kUnknown:
      return "unknown";
    case MediumState::kClean:
      return "clean";
    case MediumState::kDirty:
      return "dirty";
    case MediumState::kHibernated:
      return "hibernated";
    case MediumState::kErrors:
      return "errors";
  }
  return "unknown";
}

std::uint64_t seconds_since_epoch(std::chrono::system_clock::time_point time) {
  const auto count =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

std::string text(std::string_view known) {
  return std::string(known);
}

void add_identity(const Volume& volume, PropertyMap& all) {
  const Device device = volume.device.value_or(Device{});
  all["Id"] = volume.id;
  all["Device"] = volume.image ? showable(volume.image->name) : text(volume.source.path);
  all["DeviceNumber"] = static_cast<std::uint64_t>(volume.source.device);
  all["Drive"] = device.drive_name;
  all["Kind"] = text(kind_name(volume));
  all["Vendor"] = showable(device.vendor);
  all["Model"] = volume.image ? showable(volume.image->name) : showable(device.model);
  all["Serial"] = showable(device.serial);
  all["Bus"] = showable(device.bus);
  all["Port"] = showable(device.port);
  all["Seat"] = showable(device.seat);
  all["Size"] = volume.image ? volume.image->size : device.size;
  all["Removable"] = volume.removable;
  all["Ejectable"] = device.ejectable;
  all["WriteProtected"] = volume.image ? !volume.image->writable : device.read_only;
}

void add_contents(const Volume& volume, PropertyMap& all) {
  const ProbeRecord probe = volume.probe.value_or(ProbeRecord{});
  const bool only_mount_tells = !volume.probe && volume.mount;
  const std::string_view unknown = only_mount_tells ? "filesystem" : "other";
  all["Usage"] = text(volume.probe ? usage_name(probe.usage) : unknown);
  all["Type"] = showable(only_mount_tells ? volume.mount->subtype : probe.type);
  all["TypeVersion"] = showable(probe.version);
  all["Label"] = showable(probe.label);
  all["Uuid"] = showable(probe.uuid);
  all["Ambivalent"] = probe.ambivalent;
  all["Condition"] = text(condition_name(probe.state));
}

void add_mount(const Volume& volume, PropertyMap& all) {
  const LiveMount none;
  const LiveMount& mount = volume.mount ? *volume.mount : none;
  all["MountPoint"] = mount.mount_point;
  all["MountedReadOnly"] = mount.read_only;
  all["ReadOnlyReason"] = showable(mount.read_only_reason);
  all["MountedFor"] = static_cast<std::uint32_t>(volume.mounted_for);
  all["MountedSince"] = volume.mount ? seconds_since_epoch(mount.since) : std::uint64_t{0};
  all["Driver"] = volume.mount ? mount.driver : volume.dead_driver;
  all["DriverOrigin"] = mount.origin;
  const bool alive = volume.mount && !volume.death && mount.driver_pid > 0;
  all["DriverPid"] = alive ? static_cast<std::uint32_t>(mount.driver_pid) : 0U;
}

// How many lines of a driver's last words go over the bus with every change.
constexpr std::size_t kMostLastLines = 16;

std::string last_lines(const DriverDeath& death) {
  std::string lines;
  const std::size_t all = death.last_lines.size();
  for (std::size_t i = all > kMostLastLines ? all - kMostLastLines : 0; i < all; ++i)
    lines += (lines.empty() ? "" : "\n") + showable(death.last_lines[i]);
  return lines;
}

// "socket", or the number of a call that the library does not know.
std::string system_call_name(long number) {
  const std::string_view name = call_name(number);
  return name.empty() ? std::to_string(number) : std::string(name);
}

void add_death(const Volume& volume, PropertyMap& all) {
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> story;
  if (volume.death) {
    const DriverDeath& death = *volume.death;
    story["kind"] = death.kind;
    story["cause"] = showable(death.cause);
    story["when"] = static_cast<std::int64_t>(seconds_since_epoch(death.when));
    story["driver"] = volume.dead_driver;
    story["detached"] = !volume.mount.has_value();
    if (death.signal_number != 0) story["signal"] = std::int64_t{death.signal_number};
    if (death.kind == "exit") story["exit-code"] = std::int64_t{death.exit_code};
    if (death.forbidden_call) story["system-call"] = system_call_name(*death.forbidden_call);
    if (!death.last_lines.empty()) story["last-lines"] = last_lines(death);
    story["coredump"] = !death.coredump.empty();
    if (!death.coredump.empty()) story["coredump-reference"] = showable(death.coredump);
  }
  all["Death"] = std::move(story);
}

void add_healings(const Volume& volume, PropertyMap& all) {
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> story;
  if (const Healings& healings = volume.healings; healings.count > 0) {
    story["count"] = std::int64_t{healings.count};
    story["cause"] = showable(healings.cause);
    story["when"] = static_cast<std::int64_t>(seconds_since_epoch(healings.when));
    story["longest-pause-ms"] = std::int64_t{healings.longest_pause.count()};
  }
  all["Healed"] = std::move(story);
}

void add_check(const Volume& volume, PropertyMap& all) {
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> story;
  if (volume.check) {
    const CheckReply& reply = volume.check->reply;
    story["operation"] = volume.check->operation;
    story["verdict"] = text(verdict_name(reply.verdict));
    story["summary"] = showable(reply.summary);
    story["findings"] = std::int64_t{reply.findings};
    story["changed"] = reply.changed;
    story["checker"] = showable(reply.checker);
    story["when"] = static_cast<std::int64_t>(seconds_since_epoch(volume.check->when));
  }
  all["LastCheck"] = std::move(story);
}

std::string_view outcome_name(UnmountEnd::Outcome outcome) {
  switch (outcome) {
    case UnmountEnd::Outcome::kSafe:
      return "safe";
    case UnmountEnd::Outcome::kDriveInUse:
      return "drive-in-use";
    case UnmountEnd::Outcome::kIncomplete:
      return "incomplete";
    case UnmountEnd::Outcome::kUnknown:
      break;
  }
  return "unknown";
}

void add_last_unmount(const Volume& volume, PropertyMap& all) {
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> story;
  if (volume.last_unmount) {
    story["outcome"] = text(outcome_name(volume.last_unmount->outcome));
    story["summary"] = showable(volume.last_unmount->summary);
  }
  all["LastUnmount"] = std::move(story);
}

void add_uncontained(const Volume& volume, PropertyMap& all) {
  std::map<std::string, std::variant<std::string, std::int64_t, bool>> story;
  if (volume.uncontained) {
    story["mount-point"] = showable(volume.uncontained->mount_point);
    story["type"] = showable(volume.uncontained->type);
    story["read-only"] = volume.uncontained->read_only;
    story["setting"] = text(to_word(volume.uncontained->setting));
  }
  all["Uncontained"] = std::move(story);
}

// The length of the well-formed UTF-8 sequence that a text begins with; 0: there is none, or it
// would control a terminal or the reading direction.
std::size_t showable_length(std::string_view rest) {
  const auto first = static_cast<unsigned char>(rest.front());
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || rest.size() < length) return 0;
  unsigned code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(rest[i]);
    if ((next & 0xc0U) != 0x80) return 0;
    code = (code << 6U) | (next & 0x3fU);
  }
  constexpr std::array<unsigned, 5> kSmallest = {0, 0, 0xa0, 0x800, 0x10000};
  if (code < kSmallest.at(length) || code > 0x10ffff) return 0;
  if (code >= 0xd800 && code <= 0xdfff) return 0;
  const bool steers = code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
                      (code >= 0x2066 && code <= 0x2069) || (code & 0xfffeU) == 0xfffe;
  return steers ? 0 : length;
}

}  // namespace

std::string showable(std::string_view foreign) {
  std::string shown;
  while (!foreign.empty()) {
    const std::size_t length = showable_length(foreign);
    if (length == 0)
      shown += "\uFFFD";
    else
      shown += foreign.substr(0, length);
    foreign.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

PropertyMap volume_properties(const Volume& volume) {
  PropertyMap all;
  add_identity(volume, all);
  add_contents(volume, all);
  add_mount(volume, all);
  add_death(volume, all);
  add_healings(volume, all);
  add_check(volume, all);
  add_last_unmount(volume, all);
  add_uncontained(volume, all);
  all["State"] = text(state_name(volume.state));
  all["StateReason"] = showable(volume.state_reason);
  all["DecidedBy"] = showable(volume.decided_by);
  return all;
}

PropertyMap check_properties(const VolumeCheck& check) {
  const CheckReply& reply = check.reply;
  return {{"operation", check.operation},
          {"verdict", text(verdict_name(reply.verdict))},
          {"summary", showable(reply.summary)},
          {"findings", std::uint64_t{reply.findings}},
          {"changed", reply.changed},
          {"checker", showable(reply.checker)},
          {"when", seconds_since_epoch(check.when)}};
}

PropertyMap changed_properties(const PropertyMap& before, const PropertyMap& now) {
  PropertyMap changed;
  for (const auto& [name, value] : now) {
    const auto old = before.find(name);
    if (old == before.end() || old->second != value) changed.emplace(name, value);
  }
  return changed;
}

}  // namespace airlock
