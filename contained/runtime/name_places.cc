// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/name_places.h"

#include <algorithm>
#include <functional>

namespace airlock {
namespace {

constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;  // an odd number with ones all over

std::uint64_t key_of(NodeId directory, std::string_view name) {
  const std::uint64_t key = std::hash<std::string_view>()(name) ^ directory * kSpread;
  return key == 0 ? 1 : key;
}

}  // namespace

void NamePlaces::remember(NodeId directory, std::string_view name, std::uint64_t position) {
  const std::uint64_t key = key_of(directory, name);
  const std::scoped_lock lock(mutex_);
  if (slots_.empty()) slots_.resize(kSlots);
  Slot& slot = slots_[key % kSlots];
  // Of two entries of one name the first counts.
  slot.position = slot.key == key ? std::min(slot.position, position) : position;
  slot.key = key;
}

std::optional<std::uint64_t> NamePlaces::find(NodeId directory, std::string_view name) const {
  const std::uint64_t key = key_of(directory, name);
  const std::scoped_lock lock(mutex_);
  if (slots_.empty() || slots_[key % kSlots].key != key) return std::nullopt;
  return slots_[key % kSlots].position;
}

}  // namespace airlock
