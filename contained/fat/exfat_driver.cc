// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_driver.h"

#include <limits>

#include "contained/fat/session.h"

namespace airlock::fat {
namespace {

constexpr std::uint64_t kLargestFile = std::numeric_limits<std::int64_t>::max();

}  // namespace

ExfatDriver::ExfatDriver(Volume& volume, const UpcaseTable& upcase, const View& view)
    : FileDriver(volume, nodes_, view, kLargestFile), upcase_(upcase), nodes_(volume) {}

ZonedTime ExfatDriver::time_of(const timespec& moment) const {
  return to_zoned_time(moment, view_.zone);
}

// Writes no zeroes.
Outcome<void> ExfatDriver::grow_to(NodeId node, std::uint64_t size) {
  return with_commits(volume_, [&] { return reserve_to(node, size); });
}

}  // namespace airlock::fat
