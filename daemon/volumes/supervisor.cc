// SPDX-License-Identifier: GPL-2.0-or-later
// Devices and images. supervisor_automatic.cc has the automatic decisions, supervisor_adoption.cc
// the mounts of an earlier airlockd, supervisor_sleep.cc suspend and resume.
#include "daemon/volumes/supervisor.h"

#include <algorithm>
#include <utility>

#include "lib/base/local_time.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr const char* kPulledOut = "the medium was pulled out";

bool same_medium(const Volume& volume, const Device& device) {
  if (device.size == 0) return false;
  return volume.source.disk_sequence == 0 || device.disk_sequence == 0 ||
         volume.source.disk_sequence == device.disk_sequence;
}

// Whether the examination, or the decision whether to examine, may turn out differently.
bool differs(const Device& a, const Device& b) {
  return a.size != b.size || a.read_only != b.read_only || a.has_partitions != b.has_partitions ||
         a.ignored != b.ignored || a.system_reason != b.system_reason || a.users != b.users ||
         a.removable != b.removable || a.left_to_udisks != b.left_to_udisks;
}

bool rests(VolumeState state) {
  return state == VolumeState::kWaiting || state == VolumeState::kAvailable ||
         state == VolumeState::kIgnored || state == VolumeState::kRefused;
}

}  // namespace

VolumeSupervisor::VolumeSupervisor(Parts parts, Options options, Listener listener)
    : parts_(parts),
      options_(std::move(options)),
      listener_(std::move(listener)),
      registry_(parts.publisher),
      jobs_(parts.publisher),
      deferred_(parts.loop),
      tools_{.loop = parts.loop,
             .registry = registry_,
             .jobs = jobs_,
             .deferred = deferred_,
             .prober = parts.prober,
             .mounting = parts.mounting,
             .checking = parts.checking,
             .records = parts.records,
             .death_grace = options_.death_grace,
             .retry = options_.retry} {}

// The machines answer their waiters; our own listener hears nothing of that any more.
VolumeSupervisor::~VolumeSupervisor() {
  listener_ = {};
  for (auto& [id, entry] : supervised_) entry.machine.reset();
}

VolumeMachine* VolumeSupervisor::find(const std::string& id) {
  const auto found = supervised_.find(id);
  return found == supervised_.end() ? nullptr : found->second.machine.get();
}

Facts VolumeSupervisor::facts_of(const Volume& volume) const {
  Facts facts;
  facts.device = volume.device;
  // The users of a device change without an event; while we have it mounted, we are the user.
  if (facts.device) {
    const auto now = parts_.devices.find(facts.device->number);
    if (now && same_medium(volume, *now)) facts.device = now;
    if (volume.mount) facts.device->users.clear();
  }
  if (volume.image) {
    facts.image_name = volume.image->name;
    facts.image_owner = volume.image->owner;
  }
  facts.probe = volume.probe;
  if (volume.device) facts.session = parts_.sessions.at_seat(volume.device->seat);
  facts.kernel_has_fuseblk = options_.kernel_has_fuseblk;
  if (const DriverRow* row = facts.probe ? find_driver(facts.probe->type) : nullptr;
      row != nullptr && options_.missing_for)
    facts.missing_program = options_.missing_for(*row);
  facts.zone_minutes = local_zone_minutes();
  return facts;
}

std::size_t VolumeSupervisor::reasons_to_stay() {
  const auto volumes = registry_.all();
  return static_cast<std::size_t>(std::ranges::count_if(volumes, [](const Volume* volume) {
    if (!rests(volume->state) || volume->image) return true;
    return volume->state != VolumeState::kIgnored && volume->removable;
  }));
}

VolumeSupervisor::Supervised& VolumeSupervisor::add_volume(const std::string& wished_id,
                                                           Volume volume) {
  Volume& added = registry_.add(wished_id, std::move(volume));
  Supervised& entry = supervised_[added.id];
  entry.machine = std::make_unique<VolumeMachine>(tools_, *this, added);
  return entry;
}

std::string VolumeSupervisor::in_use_beside(const Volume& volume) {
  if (!volume.device) return {};
  const auto parts = registry_.of_drive(volume.device->drive);
  const auto found = std::ranges::find_if(parts, [&](const Volume* part) {
    // The whole drive is in use while any part of it is.
    if (part == &volume || part->device->number == part->device->drive) return false;
    const bool at_work = part->state != VolumeState::kProbing && find(part->id)->busy();
    return part->mount || at_work || !facts_of(*part).device->users.empty();
  });
  return found == parts.end() ? std::string() : (*found)->id;
}

void VolumeSupervisor::apply_rules(VolumeMachine& machine) {
  machine.set_removable(parts_.rules.removable(facts_of(machine.volume())));
}

void VolumeSupervisor::on_device(DeviceEvent event, const Device& device) {
  if (event != DeviceEvent::kRemoved && device.size > 0) return device_is_there(device);
  if (const Volume* volume = registry_.find(device.number)) pull_out(*find(volume->id));
}

void VolumeSupervisor::device_is_there(const Device& device) {
  const Volume* volume = registry_.find(device.number);
  if (volume != nullptr && !same_medium(*volume, device)) {
    pull_out(*find(volume->id));
    volume = nullptr;
  }
  if (volume == nullptr) return add_device(device);
  device_changed(*find(volume->id), device);
}

void VolumeSupervisor::pull_out(VolumeMachine& machine) {
  machine.pull_out(kPulledOut);
}

void VolumeSupervisor::add_device(const Device& device) {
  if (registry_.size() >= parts_.rules.limits().volumes)
    return log(LogLevel::kWarning, "{} is left alone: there are {} volumes already",
               quote(device.name), registry_.size());
  Volume volume;
  volume.device = device;
  volume.source.path = device.node;
  volume.source.device = device.number;
  volume.source.disk_sequence = device.disk_sequence;
  Supervised& entry = add_volume(device.name, std::move(volume));
  apply_rules(*entry.machine);
  decide(entry);
  look_for_others();
}

// The same medium, but something about it changed: it was partitioned, formatted, or is in use.
void VolumeSupervisor::device_changed(VolumeMachine& machine, const Device& device) {
  const std::string id = machine.volume().id;
  const bool was_adopted = adopted_.erase(id) > 0;
  const bool other = !machine.volume().device || differs(*machine.volume().device, device);
  machine.update_device(device);
  apply_rules(machine);
  if (was_adopted || machine.busy() || !rests(machine.volume().state)) return;
  if (!other && machine.volume().state == VolumeState::kIgnored) return;
  decide_again(supervised_.at(id));
}

VolumeMachine& VolumeSupervisor::add_image(VolumeImage image, Look look) {
  Volume volume;
  volume.source.path = image.name;
  volume.source.image = image.file;
  volume.image = std::move(image);
  Supervised& entry = add_volume(registry_.next_image_id(), std::move(volume));
  entry.decided = true;  // nothing is done to an image unless its opener asks
  if (look == Look::kNow)
    entry.machine->probe(std::nullopt, {});
  else
    entry.machine->settle(VolumeState::kAvailable, "an image somebody opened, not examined yet",
                          "built-in");
  return *entry.machine;
}

void VolumeSupervisor::opener_left(const std::string& sender) {
  for (const Volume* volume : registry_.all())
    if (volume->image && volume->image->opener == sender) find(volume->id)->opener_left();
  close_unused_images();
}

void VolumeSupervisor::close_image(const std::string& id) {
  VolumeMachine* machine = find(id);
  if (machine != nullptr && machine->volume().image) machine->pull_out("the image was closed");
}

void VolumeSupervisor::close_unused_images() {
  for (const Volume* volume : registry_.all())
    if (volume->image && !volume->image->opener_is_there && rests(volume->state) &&
        !find(volume->id)->busy())
      close_image(volume->id);
}

void VolumeSupervisor::on_changed(const std::string& id) {
  const Volume* volume = registry_.find(id);
  const bool unused = volume != nullptr && volume->image && !volume->image->opener_is_there;
  // Not within the machine's own call.
  if (unused && !closing_.active()) {
    auto soon = parts_.loop.soon([this] {
      closing_.reset();
      close_unused_images();
    });
    if (soon) closing_ = std::move(*soon);
  }
  if (listener_.on_changed) listener_.on_changed();
}

void VolumeSupervisor::on_ended(std::string id) {
  const auto found = supervised_.find(id);
  if (found == supervised_.end()) return;
  const Volume& ended = found->second.machine->volume();
  const Error why = fail(Errc::kPeerGone, "{}", ended.state_reason).error();
  const dev_t device = ended.source.device;
  adopted_.erase(id);
  // The machine is still running; it is destroyed in the next round.
  deferred_.add(std::move(found->second.machine));
  supervised_.erase(found);
  registry_.remove(id);
  decide_on_successor(device);
  if (listener_.on_removed) listener_.on_removed(id, why);
  if (listener_.on_changed) listener_.on_changed();
}

}  // namespace airlock
