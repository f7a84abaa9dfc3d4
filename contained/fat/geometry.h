// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

enum class FatKind { k12, k16, k32, kExfat };

// The size of an entry in an allocation table, in bits.
[[nodiscard]] constexpr std::uint32_t entry_bits(FatKind kind) {
  return kind == FatKind::k12 ? 12 : kind == FatKind::k16 ? 16 : 32;
}

// The number of the first cluster.
inline constexpr std::uint32_t kFirstCluster = 2;
// The size of the fields in the boot sector, whatever the size of a sector.
inline constexpr std::size_t kBootBytes = 512;
// The largest unit for keeping and writing metadata.
inline constexpr std::uint32_t kLargestBlock = 4096;
// The size of a read in the table of clusters.
inline constexpr std::uint32_t kAheadBytes = 65536;

// The place of every part of a FAT or exFAT volume, in bytes from its beginning. All that
// read_geometry() and read_exfat_geometry() return lies inside the medium and does not overlap.
struct Geometry {
  FatKind kind = FatKind::k16;
  std::uint32_t sector_size = 512;
  std::uint32_t cluster_size = 512;
  std::uint32_t cluster_count = 0;  // numbers kFirstCluster to cluster_count + 1
  std::uint64_t table_offset = 0;   // of the active table
  std::uint64_t table_size = 0;
  std::uint64_t first_table_offset = 0;
  std::uint32_t table_count = 1;  // copies to write, from first_table_offset on, if mirrored
  bool mirrored = true;
  std::uint64_t root_offset = 0;   // FAT12 and FAT16
  std::uint32_t root_slots = 0;    // FAT12 and FAT16
  std::uint32_t root_cluster = 0;  // FAT32 and exFAT
  std::uint64_t data_offset = 0;
  std::uint64_t info_offset = 0;  // of the FSInfo sector; 0 without one
  std::uint32_t state_at = 0;     // of the state byte in the boot sector; 0 without one
  std::uint8_t state = 0;
  // The unit for keeping and writing metadata: no block spans two of the areas above, or two
  // clusters. On exFAT blocks are counted from the first cluster on.
  std::uint32_t block_size = 512;
  std::uint64_t block_origin = 0;
  // The same for the table.
  std::uint32_t table_block_size = 512;

  [[nodiscard]] std::uint32_t last_cluster() const { return cluster_count + 1; }
  [[nodiscard]] bool is_cluster(std::uint32_t number) const {
    return number >= kFirstCluster && number - kFirstCluster < cluster_count;
  }
  [[nodiscard]] std::uint64_t cluster_offset(std::uint32_t number) const {
    return data_offset + std::uint64_t{number - kFirstCluster} * cluster_size;
  }
  [[nodiscard]] std::uint64_t block_of(std::uint64_t position) const {
    return (position - block_origin) / block_size;
  }
  [[nodiscard]] std::uint64_t end() const {
    return data_offset + std::uint64_t{cluster_count} * cluster_size;
  }
};

// Reads and checks the boot sector. Each fault has its own message.
Result<Geometry> read_geometry(BlockIo& io);

}  // namespace airlock::fat
