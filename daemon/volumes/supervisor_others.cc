// SPDX-License-Identifier: GPL-2.0-or-later
// Mounts of removable media that other programs made without a driver of ours: the kernel reads
// such a medium, or a program with privileges. airlockd cannot contain them afterwards, so it says
// so.
#include "daemon/system/mount_table.h"
#include "daemon/volumes/supervisor.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

std::optional<UncontainedMount> uncontained_mount(const Volume& volume,
                                                  const std::vector<MountEntry>& table,
                                                  Uncontained setting) {
  if (!volume.device || !volume.removable || volume.state == VolumeState::kGone) return {};
  const MountEntry* entry = mount_without_us(table, volume.device->number, volume.source.path);
  if (entry == nullptr) return {};
  return UncontainedMount{.mount_point = entry->mount_point,
                          .type = entry->type,
                          .read_only = has_option(entry->options, "ro"),
                          .setting = setting};
}

bool is_wanted(const std::optional<UncontainedMount>& mount) {
  return !mount || mount->setting == Uncontained::kAllow;
}

void warn(const std::string& id, const UncontainedMount& mount) {
  const bool refused = mount.setting == Uncontained::kRefuse;
  log(LogLevel::kWarning, "{} is mounted on {} as {} by another program: it is NOT contained{}", id,
      quote(mount.mount_point), quote(mount.type),
      refused ? ", which the settings refuse; unmount it" : "");
}

}  // namespace

void VolumeSupervisor::watch_others() {
  if (parts_.mount_table == nullptr) return;
  others_ = parts_.mount_table->subscribe(
      [this](const MountTableWatch::Table& table) { look_for_others(table); });
  look_for_others();
}

void VolumeSupervisor::look_for_others() {
  if (!others_) return;
  if (const auto table = read_mount_table(options_.mountinfo)) look_for_others(*table);
}

void VolumeSupervisor::look_for_others(const std::vector<MountEntry>& table) {
  for (Volume* volume : registry_.all()) {
    auto now = uncontained_mount(*volume, table, parts_.rules.uncontained());
    if (now == volume->uncontained) continue;
    if (!is_wanted(now)) warn(volume->id, *now);
    volume->uncontained = std::move(now);
    registry_.publish(volume->id);
  }
}

}  // namespace airlock
