// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/tests/ownership.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

#include "contained/fat/directory.h"
#include "contained/fat/exfat_directory.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/unicode.h"
#include "contained/fat/volume.h"

namespace airlock::fat {
namespace {

class Walk {
 public:
  explicit Walk(Volume& volume) : volume_(volume) {}
  virtual ~Walk() = default;

  Ownership run() {
    const std::uint32_t root = volume_.geometry().root_cluster;
    if (root != 0) own(ClusterChain(root), 0, "/");
    open_.push_back({ClusterChain(root), std::nullopt, "/"});
    while (!open_.empty() && wrong_.empty()) {
      const Place place = open_.back();
      open_.pop_back();
      list(place);
    }
    const std::uint32_t free = volume_.space().count().value_or(0);
    const auto owned = static_cast<std::uint32_t>(owners_.size());
    return {.wrong = wrong_, .lost = volume_.geometry().cluster_count - free - owned};
  }

 protected:
  struct Place {
    ClusterChain chain;
    std::optional<std::uint64_t> size;
    std::string path;
  };

  virtual void list(const Place& place) = 0;

  void own(ClusterChain chain, std::uint64_t size, const std::string& path) {
    const auto length = chain.length(volume_.table());
    if (!length) {
      wrong_ = path + ": its chain is damaged";
      return;
    }
    if (std::uint64_t{*length} * volume_.geometry().cluster_size < size)
      wrong_ = path + ": its chain is shorter than its size";
    for (const ClusterRun& run :
         chain.cut(volume_.table(), 0).value_or(std::vector<ClusterRun>{})) {
      if (volume_.is_exfat() && !volume_.bitmap().is_used(run).value_or(false))
        wrong_ = fmt::format("{} has free clusters among {} to {}", path, run.start, run.end());
      for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
        const auto [owner, fresh] = owners_.emplace(cluster, path);
        if (!fresh)
          wrong_ = fmt::format("{} and {} share cluster {}", path, owner->second, cluster);
      }
    }
  }

  void found(const ClusterChain& chain, const FileInfo& info, const std::string& path,
             std::u16string_view name) {
    const std::string full = path + to_utf8(name).value_or("?");
    own(chain, info.size, full);
    if (info.is_directory()) open_.push_back({chain, info.size, full + "/"});
  }

  // `use` returns where to continue behind an entry.
  template <typename Loaded, typename Use>
  void for_each(Loaded& directory, const Place& place, Use use) {
    if (!directory) {
      wrong_ = place.path + ": it cannot be read";
      return;
    }
    std::uint32_t at = 0;
    while (const auto entry = (*directory)->next(at)) {
      if (!*entry) return;
      at = use(**entry);
    }
  }

  Volume& volume_;
  std::string wrong_;

 private:
  std::map<std::uint32_t, std::string> owners_;
  std::vector<Place> open_;
};

class FatWalk final : public Walk {
 public:
  using Walk::Walk;

 private:
  void list(const Place& place) override {
    auto directory = Directory::load(volume_, place.chain.first(), CodePage::standard());
    for_each(directory, place, [&](const Entry& entry) {
      const FileInfo info = (*directory)->slot(entry.slot)->info(volume_.is_wide());
      found(ClusterChain(info.first_cluster), info, place.path, entry.name);
      return entry.slot + 1;
    });
  }
};

class ExfatWalk final : public Walk {
 public:
  ExfatWalk(Volume& volume, const UpcaseTable& upcase) : Walk(volume), upcase_(upcase) {}

 private:
  void list(const Place& place) override {
    auto directory = ExfatDirectory::load(volume_, upcase_, place.chain, place.size);
    for_each(directory, place, [&](const ExfatName& entry) {
      found(chain_of(entry.info, volume_.geometry()), entry.info, place.path, entry.name);
      return entry.index + 1;
    });
  }

  const UpcaseTable& upcase_;
};

template <typename TheWalk, typename... Known>
Ownership walk(Volume& volume, const Known&... known) {
  const Volume::Operation operation(volume);
  return TheWalk(volume, known...).run();
}

}  // namespace

Ownership find_owners(BlockIo& medium) {
  if (const auto exfat = is_exfat(medium); exfat && *exfat) {
    const auto opened = open_exfat(medium, MountMode::kReadOnly);
    if (!opened) return {.wrong = opened.error().message()};
    return walk<ExfatWalk>(*opened->volume, opened->upcase);
  }
  const auto volume = Volume::open(medium, MountMode::kReadOnly);
  if (!volume) return {.wrong = volume.error().message()};
  return walk<FatWalk>(**volume);
}

}  // namespace airlock::fat
