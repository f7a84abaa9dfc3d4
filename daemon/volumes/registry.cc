// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/registry.h"

#include <algorithm>
#include <utility>

#include "daemon/volumes/properties.h"

namespace airlock {
std::string VolumeRegistry::free_id(const std::string& wished) const {
  std::string id = wished;
  for (int number = 2; shown_.contains(id); ++number) id = wished + "-" + std::to_string(number);
  return id;
}

Volume& VolumeRegistry::add(const std::string& wished_id, Volume volume) {
  const std::string id = free_id(wished_id);
  volume.id = id;
  Shown& shown = shown_[id];
  shown.volume = std::make_unique<Volume>(std::move(volume));
  shown.published = volume_properties(*shown.volume);
  publisher_.add_volume(id, shown.published);
  return *shown.volume;
}

std::string VolumeRegistry::next_image_id() {
  std::string id;
  do id = "image" + std::to_string(++images_);
  while (shown_.contains(id));
  return id;
}

void VolumeRegistry::remove(const std::string& id) {
  if (shown_.erase(id) > 0) publisher_.remove_volume(id);
}

Volume* VolumeRegistry::find(const std::string& id) {
  const auto found = shown_.find(id);
  return found == shown_.end() ? nullptr : found->second.volume.get();
}

Volume* VolumeRegistry::find(dev_t device) {
  const auto found = std::ranges::find_if(shown_, [&](const auto& entry) {
    const Volume& volume = *entry.second.volume;
    return device != 0 && volume.source.device == device && volume.state != VolumeState::kGone;
  });
  return found == shown_.end() ? nullptr : found->second.volume.get();
}

Volume* VolumeRegistry::find_mounted_on(const std::string& mount_point) {
  const auto found = std::ranges::find_if(shown_, [&](const auto& entry) {
    const Volume& volume = *entry.second.volume;
    return volume.mount && volume.mount->mount_point == mount_point;
  });
  return found == shown_.end() ? nullptr : found->second.volume.get();
}

std::vector<Volume*> VolumeRegistry::of_drive(dev_t drive) {
  std::vector<Volume*> found;
  for (auto& [id, shown] : shown_)
    if (shown.volume->device && shown.volume->device->drive == drive)
      found.push_back(shown.volume.get());
  return found;
}

std::vector<Volume*> VolumeRegistry::all() {
  std::vector<Volume*> found;
  for (auto& [id, shown] : shown_) found.push_back(shown.volume.get());
  return found;
}

std::size_t VolumeRegistry::count(VolumeState state) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      shown_, [&](const auto& entry) { return entry.second.volume->state == state; }));
}

void VolumeRegistry::publish(const std::string& id) {
  const auto found = shown_.find(id);
  if (found == shown_.end()) return;
  PropertyMap now = volume_properties(*found->second.volume);
  PropertyMap changed = changed_properties(found->second.published, now);
  if (changed.empty()) return;
  found->second.published = std::move(now);
  publisher_.change_volume(id, std::move(changed));
}

}  // namespace airlock
