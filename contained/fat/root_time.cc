// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/root_time.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "contained/fat/entry_set.h"
#include "contained/fat/slot.h"

namespace airlock::fat {
namespace {

// The most that mounting waits for.
constexpr std::uint64_t kMostBytes = 16384;

bool is_later(const ZonedTime& a, const ZonedTime& b) {
  return a.time.date != b.time.date ? a.time.date > b.time.date : a.time.time > b.time.time;
}

ZonedTime time_in(const Volume& volume, std::span<std::byte> record) {
  if (volume.is_exfat()) {
    if (record.front() != std::byte{entry_type::kFile}) return {};
    EntrySet set(1);
    std::ranges::copy(record, set.entry(0).begin());
    return set.info().made;
  }
  const Slot slot(record);
  if (slot.is_free() || slot.is_long_name()) return {};
  const FileInfo info = slot.info(volume.is_wide());
  return (slot.attributes() & attribute::kLabel) != 0 ? info.modified : info.made;
}

}  // namespace

ZonedTime root_time(Volume& volume) {
  const Geometry& geometry = volume.geometry();
  const bool fixed = geometry.root_cluster == 0;
  const std::uint64_t first =
      fixed ? geometry.root_offset : geometry.cluster_offset(geometry.root_cluster);
  const std::uint64_t size =
      fixed ? std::uint64_t{geometry.root_slots} * kRecordSize : geometry.cluster_size;
  ZonedTime latest;
  const Volume::Operation operation(volume);
  for (std::uint64_t at = 0; at < std::min(size, kMostBytes); at += kRecordSize) {
    const auto record = volume.record(first + at);
    if (!record || record->front() == std::byte{kEndMark}) break;
    const ZonedTime time = time_in(volume, *record);
    if (is_later(time, latest)) latest = time;
  }
  return latest;
}

}  // namespace airlock::fat
