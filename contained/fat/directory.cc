// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/directory.h"

#include <algorithm>
#include <cerrno>

#include "contained/fat/unicode.h"

namespace airlock::fat {
Directory::Directory(Volume& volume, const ClusterChain& chain, const CodePage& page)
    : Records(volume, chain, kFreeMark), page_(page) {}

Outcome<std::unique_ptr<Directory>> Directory::load(Volume& volume, std::uint32_t cluster,
                                                    const CodePage& page) {
  TRY(auto directory, begin(volume, cluster, page));
  TRY_VOID(directory->read_some(directory->capacity()));
  return directory;
}

Outcome<std::unique_ptr<Directory>> Directory::begin(Volume& volume, std::uint32_t cluster,
                                                     const CodePage& page) {
  const bool fixed = cluster == 0 && !volume.is_wide();
  if (!fixed && !volume.geometry().is_cluster(cluster)) return refuse(EUCLEAN);
  std::unique_ptr<Directory> directory(new Directory(volume, ClusterChain(cluster), page));
  TRY_VOID(directory->measure());
  return directory;
}

Outcome<void> Directory::measure() {
  const Geometry& geometry = volume_.geometry();
  if (chain_.first() == 0) {
    capacity_ = geometry.root_slots;
  } else {
    const std::uint32_t per_cluster = geometry.cluster_size / kRecordSize;
    const std::uint32_t most = std::max(kMostSlots / per_cluster, 1u);
    TRY(const ClusterRun beyond, chain_.find(volume_.table(), most, 1));
    if (beyond.count > 0) return refuse(EUCLEAN);
    TRY(const std::uint32_t clusters, chain_.length(volume_.table()));
    capacity_ = clusters * per_cluster;
  }
  used_.resize(capacity_);
  return {};
}

Outcome<bool> Directory::read_some(std::uint32_t slots) {
  for (const std::uint32_t first = end_; end_ < capacity_; ++end_) {
    if (end_ - first >= slots) return false;
    TRY(const Slot slot, this->slot(end_));
    if (slot.is_end()) break;
    if (slot.is_free()) continue;
    used_[end_] = true;
    if (!slot.is_file() || (slot.is_dots() && end_ < 2)) continue;
    TRY(const Entry entry, entry_at(end_));
    remember(entry);
  }
  return true;
}

Outcome<Slot> Directory::slot(std::uint32_t index) {
  TRY(const auto bytes, record(index));
  return Slot(bytes);
}

// The long name in front of a short one; empty if there is none or it does not belong to it.
Outcome<std::u16string> Directory::long_name(std::uint32_t index, std::uint8_t checksum,
                                             std::uint32_t& first) {
  std::u16string name;
  for (std::uint32_t part = 1; part <= kMostNameSlots && part <= index; ++part) {
    TRY(const Slot slot, this->slot(index - part));
    if (slot.is_free() || !slot.is_long_name() || slot.checksum() != checksum ||
        (slot.mark() & ~kLastPart) != static_cast<int>(part))
      return std::u16string();
    for (std::size_t i = 0; i < kUnitsPerSlot; ++i) name += slot.unit(i);
    if ((slot.mark() & kLastPart) == 0) continue;
    first = index - part;
    name.resize(std::min(name.find(u'\0'), name.size()));
    return name.size() <= kLongestName ? name : std::u16string();
  }
  return std::u16string();
}

Outcome<Entry> Directory::entry_at(std::uint32_t index) {
  Entry entry = {.slot = index, .first_slot = index};
  TRY(entry.position, position_of(index));
  TRY(const Slot found, slot(index));
  const std::uint8_t case_bits = found.case_bits();
  entry.short_name = found.short_name();
  TRY(entry.name, long_name(index, short_name_checksum(entry.short_name), entry.first_slot));
  if (!is_showable(entry.name)) entry.name = show_short_name(entry.short_name, case_bits, page_);
  return entry;
}

std::u16string Directory::folded_short_name(const ShortName& name) const {
  return fold(show_short_name(name, 0, page_));
}

void Directory::remember(const Entry& entry) {
  const std::u16string name = fold(entry.name);
  const std::u16string other = folded_short_name(entry.short_name);
  Records::remember(name, entry.slot);
  if (other != name) Records::remember(other, entry.slot);
}

void Directory::forget(const Entry& entry) {
  const std::u16string name = fold(entry.name);
  const std::u16string other = folded_short_name(entry.short_name);
  Records::forget(name, entry.slot);
  if (other != name) Records::forget(other, entry.slot);
}

Outcome<std::optional<Entry>> Directory::find(std::u16string_view name) {
  const std::u16string wanted = fold(name);
  std::optional<Entry> best;
  const auto places = remembered(wanted);
  for (const std::uint32_t index : places) {
    TRY(Entry entry, entry_at(index));
    if (entry.name == name) return entry;
    if (!best && (fold(entry.name) == wanted || folded_short_name(entry.short_name) == wanted))
      best = std::move(entry);
  }
  if (!best && NameIndex::is_full(places.size())) return refuse(EUCLEAN);
  return best;
}

Outcome<std::optional<Entry>> Directory::next(std::uint32_t slot) {
  for (; slot < end_; ++slot) {
    if (!used_[slot]) continue;
    TRY(const Slot found, this->slot(slot));
    if (!found.is_file() || (slot < 2 && found.is_dots())) continue;
    TRY(Entry entry, entry_at(slot));
    return entry;
  }
  return std::nullopt;
}

Outcome<bool> Directory::is_empty() {
  TRY(const auto first, next(0));
  return !first;
}

Outcome<bool> Directory::has_short_name(const ShortName& name) {
  const auto places = remembered(folded_short_name(name));
  for (const std::uint32_t index : places) {
    TRY(const Slot slot, this->slot(index));
    if (slot.short_name() == name) return true;
  }
  return NameIndex::is_full(places.size());
}

Outcome<ShortName> Directory::pick_short_name(const NewName& name) {
  int failure = 0;
  const auto picked = unused_short_name(name, [&](const ShortName& tried) {
    const auto found = has_short_name(tried);
    if (!found) failure = found.error().value;
    return !found || *found;
  });
  if (failure != 0) return refuse(failure);
  return picked;
}

std::optional<std::uint32_t> Directory::free_run_anywhere(std::uint32_t count) const {
  std::uint32_t run = 0;
  for (std::uint32_t i = 0; i < capacity_; ++i) {
    run = used_[i] ? 0 : run + 1;
    if (run == count) return i + 1 - count;
  }
  return std::nullopt;
}

// The first slot of a free run, inside a block wherever it fits into one.
Outcome<std::uint32_t> Directory::make_room(std::uint32_t count) {
  const bool fits_block = count <= volume_.geometry().block_size / kRecordSize;
  if (const auto found = fits_block ? free_run(count) : free_run_anywhere(count)) return *found;
  if (const auto grown = grow(); !grown) {
    if (grown.error().value != ENOSPC) return std::unexpected(grown.error());
    const auto found = free_run_anywhere(count);
    return found ? Outcome<std::uint32_t>(*found) : refuse(ENOSPC);
  }
  return make_room(count);
}

Outcome<void> Directory::grow() {
  if (chain_.first() == 0) return refuse(ENOSPC);
  const std::uint32_t per_cluster = volume_.geometry().cluster_size / kRecordSize;
  if (capacity_ + per_cluster > std::max(kMostSlots, per_cluster)) return refuse(ENOSPC);
  TRY(const std::uint32_t last, chain_.last(volume_.table()));
  TRY(const ClusterRun run, volume_.space().reserve(last + 1, 1));
  auto done = volume_.append(chain_, std::span(&run, 1));
  if (!done) {
    volume_.space().cancel(run);
    return done;
  }
  TRY_VOID(volume_.clear_directory_clusters(run, Volume::Reach::kReachable));
  add_capacity(1);
  return {};
}

// The parts of a long name reach the medium before the short name: alone they mean nothing, but a
// short name without them would be another name. This is impossible for a sector that itself waits
// for the name.
Outcome<void> Directory::order_addition(const Place& place, const Wish& wish) {
  for (std::uint32_t i = place.first_slot; i < place.last_slot(); ++i) {
    TRY(const std::uint64_t sector, sector_of_record(i));
    if (std::ranges::find(wish.waiting, sector) != wish.waiting.end()) continue;
    TRY_VOID(volume_.require_order(sector, place.sector));
  }
  return {};
}

// In the sector of the file's own old name, if possible; else with a record for a note behind it,
// if one is wanted.
Outcome<void> Directory::make_room_for(Place& place, const Wish& wish) {
  if (const Entry* own = wish.own; own != nullptr) {
    const auto around =
        free_run_around(own->first_slot, own->slot + 1 - own->first_slot, place.count);
    place.in_place = around.has_value();
    place.fresh = !place.in_place || is_added(own->slot);
    place.first_slot = around.value_or(0);
    if (place.in_place) return {};
  }
  const bool wants_note = !wish.waiting.empty();
  const auto with_note = wants_note ? make_room(place.count + 1) : refuse(ENOSPC);
  if (!with_note && with_note.error().value != ENOSPC) return std::unexpected(with_note.error());
  if (with_note) {
    place.first_slot = *with_note;
    place.note = place.first_slot + place.count;
    return {};
  }
  TRY(place.first_slot, make_room(place.count));
  return {};
}

Outcome<Directory::Place> Directory::find_place(const NewName& name, const Wish& wish) {
  Place place = {.name = name};
  TRY(place.name.short_name, pick_short_name(name));
  if (place.name.short_name != name.short_name) place.name.fits = false;
  const std::size_t parts = place.name.fits ? 0 : long_name_slots(name.units.size());
  place.count = static_cast<std::uint32_t>(parts + 1);
  TRY_VOID(make_room_for(place, wish));
  TRY(place.sector, sector_of_record(place.last_slot()));
  TRY_VOID(order_addition(place, wish));
  TRY_VOID(order_reused(fold(name.units), place.last_slot()));
  TRY_VOID(order_reused(folded_short_name(place.name.short_name), place.last_slot()));
  const std::uint32_t taken = place.count + (place.note ? 1 : 0);
  TRY_VOID(clear_behind(place.first_slot, taken));
  TRY_VOID(prepare_end(place.first_slot, taken));
  if (place.note) {
    TRY(place.note, order_note(*place.note, place.last_slot(), wish.waiting));
  }
  return place;
}

Outcome<Entry> Directory::add(const Place& place) {
  TRY_VOID(move_end(place.first_slot, place.count));
  const NewName& name = place.name;
  const std::uint8_t checksum = short_name_checksum(name.short_name);
  const std::uint32_t parts = place.count - 1;
  for (std::uint32_t i = 0; i < parts; ++i) {
    const std::uint32_t part = parts - i;
    TRY(const Slot slot, this->slot(place.first_slot + i));
    slot.set_long_name(static_cast<std::uint8_t>(part | (i == 0 ? kLastPart : 0)), checksum,
                       name.units, part - 1);
    TRY(const std::uint64_t position, position_of(place.first_slot + i));
    volume_.record_changed(position);
  }
  const std::uint32_t last = place.first_slot + parts;
  TRY(const Slot slot, this->slot(last));
  slot.clear();
  slot.set_short_name(name.short_name);
  if (name.fits) slot.set_case_bits(name.case_bits);
  Entry entry = {.slot = last,
                 .first_slot = place.first_slot,
                 .name = name.units,
                 .short_name = name.short_name};
  TRY(entry.position, position_of(last));
  volume_.record_changed(entry.position);
  mark_used(place.first_slot, place.count);
  if (place.fresh) note_added(last);
  remember(entry);
  return entry;
}

Outcome<std::uint32_t> Directory::print_of(std::uint32_t slot) {
  constexpr std::size_t kNameBytes = 11;
  constexpr std::size_t kMadeAt = 13;
  constexpr std::size_t kMadeBytes = 5;
  TRY(const auto bytes, record(slot));
  return fat::print_of(bytes.first(kNameBytes), bytes.subspan(kMadeAt, kMadeBytes));
}

Outcome<std::vector<std::uint64_t>> Directory::sectors_of(const Entry& entry) {
  std::vector<std::uint64_t> sectors;
  for (std::uint32_t i = entry.first_slot; i <= entry.slot; ++i) {
    TRY(const std::uint64_t sector, sector_of_record(i));
    if (sectors.empty() || sectors.back() != sector) sectors.push_back(sector);
  }
  return sectors;
}

// Without its first parts a name would be another one. Within a block this is not worth a flush for
// every sector of a directory that another system has filled.
Outcome<void> Directory::prepare_removal(const Entry& entry) {
  const Geometry& geometry = volume_.geometry();
  for (std::uint32_t i = entry.first_slot; i < entry.slot; ++i) {
    TRY(const std::uint64_t position, position_of(i));
    if (geometry.block_of(position) == geometry.block_of(entry.position)) continue;
    TRY_VOID(volume_.require_order(volume_.sector_of(entry.position), volume_.sector_of(position)));
  }
  return {};
}

Outcome<void> Directory::remove(const Entry& entry) {
  for (std::uint32_t i = entry.first_slot; i <= entry.slot; ++i) TRY_VOID(mark(i, kFreeMark));
  forget(entry);
  mark_free(entry.first_slot, entry.slot + 1 - entry.first_slot);
  return {};
}

}  // namespace airlock::fat
