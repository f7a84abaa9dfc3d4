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

// The set of volumes there are, and what the bus was told of them. Opens nothing, decides nothing.
// A Volume stays where it is in memory until it is removed.
class VolumeRegistry {
 public:
  explicit VolumeRegistry(Publisher& publisher) : publisher_(publisher) {}

  // Gives it an id as near to the wished one as possible, and shows it.
  Volume& add(const std::string& wished_id, Volume volume);
  // "image1", "image2", ... for the life of this process; never one that is there.
  std::string next_image_id();
  void remove(const std::string& id);

  [[nodiscard]] Volume* find(const std::string& id);
  // The one that stands for the medium that is in the device now: not one that is gone.
  [[nodiscard]] Volume* find(dev_t device);
  [[nodiscard]] Volume* find_mounted_on(const std::string& mount_point);
  // All of one drive; `drive` as Device::drive.
  [[nodiscard]] std::vector<Volume*> of_drive(dev_t drive);
  [[nodiscard]] std::vector<Volume*> all();
  [[nodiscard]] std::size_t count(VolumeState state) const;
  [[nodiscard]] std::size_t size() const { return shown_.size(); }

  // Tells the bus what is otherwise since the last time.
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
