// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/fat_driver.h"

#include <cerrno>
#include <limits>

#include "contained/fat/session.h"

namespace airlock::fat {
namespace {

constexpr std::uint64_t kLargestFile = std::numeric_limits<std::uint32_t>::max();

}  // namespace

FatDriver::FatDriver(Volume& volume, const View& view)
    : FileDriver(volume, nodes_, view, kLargestFile), nodes_(volume) {}

ZonedTime FatDriver::time_of(const timespec& moment) const {
  return {.time = to_dos_time(moment, view_.zone)};
}

// FAT has no holes.
Outcome<void> FatDriver::grow_to(NodeId node, std::uint64_t size) {
  {
    const Session session(volume_, nodes_);
    TRY(const Known found, file(node));
    const std::uint64_t cluster_size = volume_.geometry().cluster_size;
    const std::uint64_t missing =
        size > found.info.size ? (size - found.info.size) / cluster_size : 0;
    // Fail before writing anything rather than after filling all free space.
    if (missing > 0 && !volume_.space().may_have(static_cast<std::uint32_t>(missing)))
      return refuse(ENOSPC);
  }
  return zero_to(node, size);
}

}  // namespace airlock::fat
