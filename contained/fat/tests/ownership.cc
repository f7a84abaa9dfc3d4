// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/tests/ownership.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "contained/fat/directory.h"
#include "contained/fat/unicode.h"
#include "contained/fat/volume.h"

namespace airlock::fat {
namespace {

class Walk {
 public:
  explicit Walk(Volume& volume) : volume_(volume) {}

  std::string run() {
    const std::uint32_t root = volume_.geometry().root_cluster;
    if (root != 0) own(root, 0, "/");
    open_.push_back({root, "/"});
    while (!open_.empty() && wrong_.empty()) {
      const Place place = open_.back();
      open_.pop_back();
      list(place);
    }
    return wrong_;
  }

 private:
  struct Place {
    std::uint32_t cluster;
    std::string path;
  };

  void own(std::uint32_t first, std::uint64_t size, const std::string& path) {
    ClusterChain chain(first);
    const auto length = chain.length(volume_.table());
    if (!length) {
      wrong_ = path + ": its chain is damaged";
      return;
    }
    if (std::uint64_t{*length} * volume_.geometry().cluster_size < size)
      wrong_ = path + ": its chain is shorter than its size";
    for (const ClusterRun& run : chain.cut(0)) {
      for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
        const auto [owner, fresh] = owners_.emplace(cluster, path);
        if (!fresh)
          wrong_ = fmt::format("{} and {} share cluster {}", path, owner->second, cluster);
      }
    }
  }

  void list(const Place& place) {
    auto directory = Directory::load(volume_, place.cluster, CodePage::standard());
    if (!directory) {
      wrong_ = place.path + ": it cannot be read";
      return;
    }
    for (std::uint32_t at = 0;;) {
      const auto entry = (*directory)->next(at);
      if (!entry || !*entry) return;
      at = (*entry)->slot + 1;
      const auto slot = (*directory)->slot((*entry)->slot);
      const std::string path = place.path + to_utf8((*entry)->name).value_or("?");
      own(slot->cluster(volume_.is_wide()), slot->size(), path);
      if (slot->is_directory()) open_.push_back({slot->cluster(volume_.is_wide()), path + "/"});
    }
  }

  Volume& volume_;
  std::map<std::uint32_t, std::string> owners_;
  std::vector<Place> open_;
  std::string wrong_;
};

}  // namespace

std::string find_wrong_ownership(BlockIo& medium) {
  const auto volume = Volume::open(medium, MountMode::kReadOnly);
  if (!volume) return volume.error().message();
  const Volume::Operation operation(**volume);
  return Walk(**volume).run();
}

}  // namespace airlock::fat
