// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/api/publisher.h"
#include "daemon/volumes/volume.h"

namespace airlock {

// The set of volumes, and what the bus knows of them. Opens nothing, decides nothing. A Volume
// keeps its address in memory until it is removed.
class VolumeRegistry {
 public:
  explicit VolumeRegistry(Publisher& publisher) : publisher_(publisher) {}

  // Gives the volume an id as close to the wish as possible, and publishes it.
  Volume& add(const std::string& wished_id, Volume volume);
  // "image1", "image2", ... for the life of this process; never one that exists.
  std::string next_image_id();
  void remove(const std::string& id);

  [[nodiscard]] Volume* find(const std::string& id);
  // The volume of the medium that is in the device now, not of one that is gone.
  [[nodiscard]] Volume* find(dev_t device);
  [[nodiscard]] Volume* find_mounted_on(const std::string& mount_point);
  // All volumes of one drive; `drive` as in Device::drive.
  [[nodiscard]] std::vector<Volume*> of_drive(dev_t drive);
  [[nodiscard]] std::vector<Volume*> all();
  [[nodiscard]] std::size_t count(VolumeState state) const;
  [[nodiscard]] std::size_t size() const { return shown_.size(); }

  // Tells the bus what has changed since the last time.
  void publish(const std::string& id);

 private:
  struct Shown {
    std::unique_ptr<Volume> volume;
    PropertyMap published;
  };

  [[nodiscard]] std::string free_id(const std::string& wished) const;

  Publisher& publisher_;
  std::map<std::string, Shown> shown_;
  std::uint64_t images_ = 0;
};

}  // namespace airlock
