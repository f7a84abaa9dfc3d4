// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <vector>

#include "contained/runtime/medium_reader.h"
#include "contained/udf/block_reader.h"

namespace airlock::udf {

// Packets of a partition that lie elsewhere on the medium, because theirs has worn out.
struct Sparing {
  std::uint32_t packet_blocks = 0;
  std::map<std::uint32_t, std::uint32_t> packets;  // first block in the partition, on the medium
};

// A partition that is one part of the medium.
struct PhysicalPartition {
  std::uint32_t start = 0;  // all three in blocks
  std::uint32_t length = 0;
  Sparing sparing;
};

// The partitions that are part of the medium; what else there is lies in files of these.
class PhysicalPartitions final : public BlockReader {
 public:
  PhysicalPartitions(const MediumReader& medium, std::uint32_t block_size)
      : BlockReader(block_size), medium_(medium) {}

  // One after the other, by the numbers of their maps.
  void add(PhysicalPartition partition) { partitions_.push_back(std::move(partition)); }
  [[nodiscard]] std::size_t count() const { return partitions_.size(); }
  [[nodiscard]] const PhysicalPartition& operator[](std::size_t i) const { return partitions_[i]; }
  [[nodiscard]] std::uint64_t medium_blocks() const { return medium_.size() / block_size(); }

  Outcome<void> read(Place place, std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  Outcome<void> read_packets(const PhysicalPartition& partition, std::uint64_t position,
                             std::span<std::byte> into) const;

  const MediumReader& medium_;
  std::vector<PhysicalPartition> partitions_;
};

}  // namespace airlock::udf
