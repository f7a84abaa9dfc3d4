// SPDX-License-Identifier: GPL-2.0-or-later
// How airlockd begins: it finds the mounts of an earlier airlockd before it looks at any device, so
// that it does not take one of them for somebody else's.
#include <set>
#include <utility>

#include "daemon/places/adoption.h"
#include "daemon/places/mount_place.h"
#include "daemon/system/device_node.h"
#include "daemon/volumes/journal.h"
#include "daemon/volumes/supervisor.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// What a mount's record tells about its medium, before the medium itself has been seen.
Volume volume_found_mounted(const MountRecord& record) {
  Volume volume;
  volume.source = record.source;
  if (record.source.device == 0)
    volume.image = VolumeImage{.name = record.source.path,
                               .opener = "",
                               .owner = record.user,
                               .opener_is_there = false,
                               .file = record.source.image,
                               .writable = !record.mount.read_only};
  return volume;
}

// An image gets its number later, once the numbers of all recorded images are taken.
void name_unrecorded(MountRecord& record) {
  std::string& path = record.source.path;
  if (path.starts_with(kImagePrefix)) {
    path.erase(0, kImagePrefix.size());
    return;
  }
  record.volume_id = path.substr(path.find_last_of('/') + 1);
  if (record.source.device == 0) record.source.device = block_device_named(path);
}

VolumeState state_for(AdoptedMount::State found) {
  if (found == AdoptedMount::State::kLeaving) return VolumeState::kUnmounting;
  return found == AdoptedMount::State::kAlive ? VolumeState::kMounted : VolumeState::kDead;
}

const char* reason_for(AdoptedMount::State found) {
  if (found == AdoptedMount::State::kLeaving) return "being written to the medium";
  return found == AdoptedMount::State::kAlive ? "mounted before airlockd started"
                                              : "the driver died while airlockd was not running";
}

}  // namespace

Result<void> VolumeSupervisor::start() {
  adopt();
  TRY_VOID(parts_.devices.start(
      [this](DeviceEvent event, const Device& device) { on_device(event, device); }));
  pull_out_unclaimed();
  watch_others();
  return {};
}

void VolumeSupervisor::adopt() {
  std::set<std::string> in_use;
  auto mounts = adopt_mounts(parts_.records.load(), options_.mountinfo);
  // airlockd may have been killed between a mount and its record.
  for (AdoptedMount& lost :
       find_unrecorded_mounts(options_.mount_base, mounts, options_.mountinfo)) {
    log(LogLevel::kNotice, "{} is mounted, but there is no record of it",
        quote(lost.record.source.path));
    name_unrecorded(lost.record);
    mounts.push_back(std::move(lost));
  }
  for (AdoptedMount& found : mounts) {
    if (found.state == AdoptedMount::State::kUnmounted) {
      parts_.records.forget(found.record.volume_id);
      continue;
    }
    in_use.insert(found.record.mount.mount_point);
    adopt(std::move(found));
  }
  sweep_mount_places(options_.mount_base, in_use);
}

void VolumeSupervisor::adopt(AdoptedMount adopted) {
  MountRecord& record = adopted.record;
  const bool dead = adopted.state == AdoptedMount::State::kDead;
  Volume volume = volume_found_mounted(record);
  volume.state = state_for(adopted.state);
  volume.state_reason = reason_for(adopted.state);
  volume.decided_by = record.decided_by;
  volume.mount = std::move(record.mount);
  volume.placed_by_others = !is_mount_place(options_.mount_base, volume.mount->mount_point);
  volume.mounted_for = record.user;
  volume.mounted_for_name = record.user_name;
  if (dead) {
    volume.death = DriverDeath{.kind = "unknown",
                               .cause = "died while airlockd was not running",
                               .when = std::chrono::system_clock::now()};
    volume.dead_driver = volume.mount->driver;
  }
  const bool has_device = record.source.device != 0;
  if (record.volume_id.empty()) record.volume_id = registry_.next_image_id();
  Supervised& entry = add_volume(record.volume_id, std::move(volume));
  entry.decided = true;
  if (has_device) adopted_.insert(entry.machine->volume().id);
  if (dead) journal_death(entry.machine->volume());
  entry.machine->adopt();
}

Result<std::string> VolumeSupervisor::take_over(AdoptedMount adopted) {
  MountRecord& record = adopted.record;
  for (const Volume* volume : registry_.all())
    if (volume->mount && volume->mount->mount_id == record.mount.mount_id)
      return fail(Errc::kAlreadyMounted, "{} is watched already", quote(volume->id));
  const dev_t device = record.source.device;
  const Volume* volume = device != 0 ? registry_.find(device) : nullptr;
  if (volume == nullptr) {
    if (registry_.size() >= parts_.rules.limits().volumes)
      return fail(Errc::kLimitExceeded, "there are {} volumes already", registry_.size());
    const std::string& path = record.source.path;
    // Nobody would report its end, because that happened already.
    if (device != 0 && block_device_named(path) != device)
      return fail(Errc::kNotFound, "{} no longer exists", quote(path));
    const std::string id = device != 0 ? path.substr(path.find_last_of('/') + 1)  //
                                       : registry_.next_image_id();
    volume = &add_volume(id, volume_found_mounted(record)).machine->volume();
  }
  Supervised& entry = supervised_.at(volume->id);
  entry.decided = true;
  TRY_VOID(entry.machine->take_over(std::move(record.mount), record.user));
  return entry.machine->volume().id;
}

// Their media were pulled out while airlockd was not running.
void VolumeSupervisor::pull_out_unclaimed() {
  for (const std::string& id : std::exchange(adopted_, {}))
    if (VolumeMachine* machine = find(id)) pull_out(*machine);
}

}  // namespace airlock
