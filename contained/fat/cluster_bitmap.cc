// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/cluster_bitmap.h"

#include <algorithm>
#include <cerrno>

namespace airlock::fat {
namespace {}  // namespace

std::uint64_t ClusterBitmap::position_of(std::uint64_t byte) const {
  for (const ClusterRun& run : place_) {
    const std::uint64_t there = std::uint64_t{run.count} * geometry_.cluster_size;
    if (byte < there) return geometry_.cluster_offset(run.start) + byte;
    byte -= there;
  }
  return geometry_.end();
}

// From the byte to the end of its block.
Outcome<std::span<std::byte>> ClusterBitmap::bytes(std::uint64_t byte) {
  const std::uint64_t position = position_of(byte);
  if (position >= geometry_.end()) return refuse(EUCLEAN);
  const std::uint64_t left = geometry_.end() - position;
  const auto ahead =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(kAheadBytes, left) / geometry_.block_size);
  TRY(const auto block, cache_.read(geometry_.block_of(position), ahead));
  return block.subspan((position - geometry_.block_origin) % geometry_.block_size);
}

// Callers ask for whole bytes only, except at the end of the volume.
Outcome<void> ClusterBitmap::read_used(std::uint32_t first, std::uint32_t count,
                                       std::span<std::uint64_t> used) {
  const std::uint64_t begin = first - kFirstCluster;
  for (std::uint32_t done = 0; done < count && !place_.empty();) {
    TRY(const auto there, bytes((begin + done) / 8));
    for (const std::byte byte : there) {
      if (done >= count) break;
      used[done / 64] |= std::to_integer<std::uint64_t>(byte) << (done % 64);
      done += 8;
    }
  }
  if (place_.empty()) std::ranges::fill(used, ~std::uint64_t{0});
  // The bits behind the last cluster mean nothing.
  if (count % 64 != 0) used[count / 64] &= (std::uint64_t{1} << (count % 64)) - 1;
  return {};
}

std::vector<AllocationMap::Bytes> ClusterBitmap::place_of(std::uint32_t first,
                                                          std::uint32_t count) const {
  std::vector<Bytes> places;
  std::uint64_t begin = (first - kFirstCluster) / 8;
  std::uint64_t left = (std::uint64_t{count} + 7) / 8;
  for (const ClusterRun& run : place_) {
    const std::uint64_t there = std::uint64_t{run.count} * geometry_.cluster_size;
    const std::uint64_t length = begin < there ? std::min(left, there - begin) : 0;
    if (length > 0)
      places.push_back({.offset = geometry_.cluster_offset(run.start) + begin, .length = length});
    left -= length;
    begin -= std::min(begin, there);
  }
  return places;
}

Outcome<void> ClusterBitmap::set(const ClusterRun& run, Use use) {
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
    if (!geometry_.is_cluster(cluster)) return refuse(EUCLEAN);
    const std::uint64_t bit = cluster - kFirstCluster;
    TRY(const auto there, bytes(bit / 8));
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    there.front() = use == Use::kUsed ? there.front() | mask : there.front() & ~mask;
    cache_.changed(geometry_.block_of(position_of(bit / 8)));
  }
  return {};
}

Outcome<bool> ClusterBitmap::is_used(const ClusterRun& run) {
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster) {
    if (!geometry_.is_cluster(cluster)) return refuse(EUCLEAN);
    const std::uint64_t bit = cluster - kFirstCluster;
    TRY(const auto there, bytes(bit / 8));
    if ((std::to_integer<unsigned>(there.front()) >> (bit % 8) & 1) == 0) return false;
  }
  return true;
}

}  // namespace airlock::fat
