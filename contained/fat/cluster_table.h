// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/fat/allocation_map.h"
#include "contained/fat/geometry.h"
#include "contained/runtime/metadata_cache.h"

namespace airlock::fat {

// Consecutive clusters.
struct ClusterRun {
  std::uint32_t start = 0;
  std::uint32_t count = 0;
  [[nodiscard]] std::uint32_t end() const { return start + count; }
  friend bool operator==(const ClusterRun&, const ClusterRun&) = default;
};

// The entry of a cluster in the table.
struct TableEntry {
  enum class Kind { kFree, kNext, kEnd, kBad } kind = Kind::kFree;
  std::uint32_t next = 0;  // of kNext; always a cluster of the volume
  friend bool operator==(const TableEntry&, const TableEntry&) = default;
};

// The allocation table in its three widths, over a cache of its blocks. Not thread-safe.
class ClusterTable final : public AllocationMap {
 public:
  ClusterTable(MetadataCache& cache, const Geometry& geometry)
      : cache_(cache), geometry_(geometry) {}

  Outcome<void> read_used(std::uint32_t first, std::uint32_t count,
                          std::span<std::uint64_t> used) override;
  [[nodiscard]] std::vector<Bytes> place_of(std::uint32_t first,
                                            std::uint32_t count) const override;

  // EUCLEAN for a value that is none of these kinds.
  Outcome<TableEntry> get(std::uint32_t cluster);
  Outcome<void> set(std::uint32_t cluster, TableEntry entry);

  // Chains the clusters of a run one to the next; the last gets `after`.
  Outcome<void> chain(const ClusterRun& run, TableEntry after);

  // The sector where the entry of a cluster begins, as WriteOrder counts them.
  [[nodiscard]] std::uint64_t sector_of(std::uint32_t cluster) const;

  // The two bits in the second entry: unmounted cleanly, and no faults met. FAT12 has neither.
  Outcome<bool> is_marked_clean();
  Outcome<bool> is_marked_sound();
  Outcome<void> mark_clean(bool clean);

 private:
  [[nodiscard]] std::uint64_t offset_of(std::uint32_t cluster) const;
  [[nodiscard]] std::uint32_t read_ahead(std::uint64_t block) const;
  Outcome<std::uint32_t> load_raw(std::uint32_t cluster);
  Outcome<void> store_raw(std::uint32_t cluster, std::uint32_t value);
  Outcome<std::span<std::byte>> byte(std::uint64_t offset);

  MetadataCache& cache_;
  const Geometry& geometry_;
};

}  // namespace airlock::fat
