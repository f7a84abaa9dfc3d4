// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "contained/fat/allocation_map.h"
#include "contained/fat/cluster_table.h"

namespace airlock::fat {

// The free clusters. The map (FAT: the table; exFAT: the bitmap) is read piece by piece when a
// cluster of it is needed, never as a whole at the start. Guarded like the map.
//
// A cluster becomes free in three steps, because it must not be overwritten while the medium still
// refers to it: given_up() when its file loses it; erased() once that is on the medium and the map
// shows it as free; reusable() once the map is on the medium too.
class FreeSpace {
 public:
  // `known_free` is the count stored on the medium, if it is credible.
  FreeSpace(AllocationMap& map, const Geometry& geometry, std::optional<std::uint32_t> known_free,
            std::uint32_t hint);

  // At most `want` consecutive clusters, preferably behind `goal` (0: anywhere). ENOSPC if there
  // are none.
  Outcome<ClusterRun> reserve(std::uint32_t goal, std::uint32_t want);
  void cancel(const ClusterRun& reserved);

  void given_up(const ClusterRun& run);
  void erased(const ClusterRun& run);
  std::vector<ClusterRun> take_erased();
  void reusable(std::span<const ClusterRun> runs);

  // The number of clusters that no file has; reads the rest of the map if it is unknown.
  Outcome<std::uint32_t> count();
  [[nodiscard]] std::optional<std::uint32_t> known_count() const { return free_; }
  // An upper limit, as if all clusters not read yet were free.
  [[nodiscard]] std::uint32_t most() const;
  // False: certainly fewer than that are free.
  [[nodiscard]] bool may_have(std::uint32_t clusters) const { return !free_ || *free_ >= clusters; }
  [[nodiscard]] std::uint32_t hint() const { return hint_; }

  [[nodiscard]] std::uint32_t segment_count() const {
    return static_cast<std::uint32_t>(segments_.size());
  }
  // Reads the state of a segment from the map, if not read before.
  Outcome<void> load(std::uint32_t segment);
  // The place of a segment in the map; as constant as the place of the map.
  [[nodiscard]] std::vector<AllocationMap::Bytes> place_of(std::uint32_t segment) const {
    return map_.place_of(segment_start(segment), segment_size(segment));
  }
  // The free runs of a segment, each as long as possible within it.
  Outcome<std::vector<ClusterRun>> free_runs(std::uint32_t segment);

 private:
  struct Segment {
    std::vector<std::uint64_t> used;  // a bit for each cluster; empty until it is read
    std::uint32_t free = 0;
  };

  [[nodiscard]] std::uint32_t segment_of(std::uint32_t cluster) const;
  [[nodiscard]] std::uint32_t segment_start(std::uint32_t segment) const;
  [[nodiscard]] std::uint32_t segment_size(std::uint32_t segment) const;
  [[nodiscard]] std::uint64_t on_their_way() const;
  void hold_back(std::uint32_t segment, std::span<const ClusterRun> runs);
  void set_used(std::uint32_t cluster, bool used);
  [[nodiscard]] bool is_used(std::uint32_t cluster) const;
  void set_used(const ClusterRun& run, bool used);
  [[nodiscard]] ClusterRun next_run(std::uint32_t from, std::uint32_t end,
                                    std::uint32_t most) const;
  Outcome<ClusterRun> run_at(std::uint32_t goal, std::uint32_t want);
  Outcome<ClusterRun> search(std::uint32_t want);
  void change_count(std::int64_t difference);

  AllocationMap& map_;
  const Geometry& geometry_;
  std::vector<Segment> segments_;
  std::optional<std::uint32_t> free_;
  std::uint32_t hint_;
  std::uint64_t given_up_ = 0;  // clusters still in use in the map
  std::vector<ClusterRun> erased_;
  std::vector<ClusterRun> held_;  // taken from erased_, not reusable yet
};

}  // namespace airlock::fat
