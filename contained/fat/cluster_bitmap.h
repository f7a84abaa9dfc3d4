// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "contained/fat/allocation_map.h"
#include "contained/fat/cluster_table.h"
#include "contained/fat/geometry.h"
#include "contained/runtime/metadata_cache.h"

namespace airlock::fat {

// The exFAT allocation bitmap: a bit for each cluster, in a file without a name. Not thread-safe.
class ClusterBitmap final : public AllocationMap {
 public:
  // `place` has room for all clusters of the volume, or is empty: then no cluster is free.
  ClusterBitmap(MetadataCache& cache, const Geometry& geometry, std::vector<ClusterRun> place)
      : cache_(cache), geometry_(geometry), place_(std::move(place)) {}

  // The size of the bitmap of a volume.
  [[nodiscard]] static std::uint64_t bytes_for(const Geometry& geometry) {
    return (std::uint64_t{geometry.cluster_count} + 7) / 8;
  }

  Outcome<void> read_used(std::uint32_t first, std::uint32_t count,
                          std::span<std::uint64_t> used) override;
  [[nodiscard]] std::vector<Bytes> place_of(std::uint32_t first,
                                            std::uint32_t count) const override;
  enum class Use { kFree, kUsed };
  Outcome<void> set(const ClusterRun& run, Use use);
  // Whether all of the run is in use.
  Outcome<bool> is_used(const ClusterRun& run);

 private:
  [[nodiscard]] std::uint64_t position_of(std::uint64_t byte) const;
  Outcome<std::span<std::byte>> bytes(std::uint64_t byte);

  MetadataCache& cache_;
  const Geometry& geometry_;
  std::vector<ClusterRun> place_;
};

}  // namespace airlock::fat
