// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/physical_partitions.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/byte_view.h"

namespace airlock::udf {

Outcome<void> PhysicalPartitions::read(Place place, std::uint64_t offset,
                                       std::span<std::byte> into) const {
  if (place.partition >= partitions_.size()) return refuse(EIO);
  const PhysicalPartition& partition = partitions_[place.partition];
  const std::uint64_t size = std::uint64_t{partition.length} * block_size();
  const auto position = checked_add(std::uint64_t{place.block} * block_size(), offset);
  if (!position || *position > size || into.size() > size - *position) return refuse(EIO);
  if (!partition.sparing.packets.empty()) return read_packets(partition, *position, into);
  return medium_.read(std::uint64_t{partition.start} * block_size() + *position, into);
}

Outcome<void> PhysicalPartitions::read_packets(const PhysicalPartition& partition,
                                               std::uint64_t position,
                                               std::span<std::byte> into) const {
  const Sparing& sparing = partition.sparing;
  const std::uint64_t packet_size = std::uint64_t{sparing.packet_blocks} * block_size();
  while (!into.empty()) {
    const std::uint64_t within = position % packet_size;
    const auto part = into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), packet_size - within)));
    const std::uint64_t first = position / packet_size * sparing.packet_blocks;
    const auto spare = sparing.packets.find(static_cast<std::uint32_t>(first));
    const std::uint64_t block =
        spare == sparing.packets.end() ? partition.start + first : spare->second;
    TRY_VOID(medium_.read(block * block_size() + within, part));
    position += part.size();
    into = into.subspan(part.size());
  }
  return {};
}

}  // namespace airlock::udf
