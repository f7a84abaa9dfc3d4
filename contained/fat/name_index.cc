// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/name_index.h"

#include <sys/random.h>

#include <algorithm>

namespace airlock::fat {
namespace {

constexpr std::size_t kFewest = 16;

std::uint32_t random_seed() {
  std::uint32_t seed = 2166136261u;
  // Without random numbers a directory crafted to be slow is slow, but does no other harm.
  (void)!::getrandom(&seed, sizeof seed, GRND_NONBLOCK);
  return seed;
}

}  // namespace

std::uint32_t NameIndex::hash_of(std::u16string_view folded) {
  static const std::uint32_t seed = random_seed();
  std::uint32_t sum = seed;
  for (const char16_t unit : folded) sum = (sum ^ unit) * 16777619u;
  // The low bits choose a slot, and so far depend on few bits of the units.
  sum ^= sum >> 15;
  sum *= 0x85ebca6bu;
  return sum ^ sum >> 13;
}

// At most three quarters are taken, so that a search soon meets an empty slot.
void NameIndex::make_room() {
  if ((taken_ + 1) * 4 <= slots_.size() * 3) return;
  std::size_t size = kFewest;
  while (size * 3 < (used_ + 1) * 5) size *= 2;
  std::vector<Slot> old(size);
  old.swap(slots_);
  taken_ = used_;
  for (const Slot& slot : old) {
    if (slot.place == kEmpty || slot.place == kRemoved) continue;
    std::size_t at = first_slot(slot.hash);
    while (slots_[at].place != kEmpty) at = next_slot(at);
    slots_[at] = slot;
  }
}

void NameIndex::add(std::uint32_t hash, std::uint32_t place) {
  make_room();
  std::size_t alike = 0;
  std::size_t at = first_slot(hash);
  for (; slots_[at].place != kEmpty; at = next_slot(at)) {
    const bool counts = slots_[at].place != kRemoved && slots_[at].hash == hash;
    if (counts && is_full(++alike)) return;
  }
  slots_[at] = {.hash = hash, .place = place};
  ++used_;
  ++taken_;
}

bool NameIndex::remove(std::uint32_t hash, std::uint32_t place) {
  if (slots_.empty()) return false;
  for (std::size_t at = first_slot(hash); slots_[at].place != kEmpty; at = next_slot(at)) {
    if (slots_[at].hash != hash || slots_[at].place != place) continue;
    slots_[at].place = kRemoved;
    --used_;
    return true;
  }
  return false;
}

std::vector<std::uint32_t> NameIndex::places(std::uint32_t hash) const {
  std::vector<std::uint32_t> found;
  if (slots_.empty()) return found;
  for (std::size_t at = first_slot(hash); slots_[at].place != kEmpty; at = next_slot(at))
    if (slots_[at].hash == hash && slots_[at].place != kRemoved) found.push_back(slots_[at].place);
  return found;
}

}  // namespace airlock::fat
