// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_directory.h"

#include <algorithm>
#include <cerrno>

#include "contained/fat/slot.h"
#include "contained/fat/unicode.h"

namespace airlock::fat {
namespace {

// The largest directory kept in memory: 128 MiB on the medium.
constexpr std::uint32_t kMostEntries = 1u << 22;

std::uint64_t clusters_for(std::uint64_t size, const Geometry& geometry) {
  return size / geometry.cluster_size + (size % geometry.cluster_size != 0 ? 1 : 0);
}

}  // namespace

bool is_possible(const FileInfo& info, const Geometry& geometry) {
  const std::uint64_t clusters = clusters_for(info.size, geometry);
  if (info.valid_size > info.size || clusters > geometry.cluster_count) return false;
  if (info.size == 0) return true;
  if (!geometry.is_cluster(info.first_cluster)) return false;
  const std::uint64_t last = info.first_cluster + clusters - 1;
  return !info.contiguous || last <= geometry.last_cluster();
}

ClusterChain chain_of(const FileInfo& info, const Geometry& geometry) {
  if (info.size == 0) return ClusterChain::contiguous({});
  if (!info.contiguous) return ClusterChain(info.first_cluster);
  return ClusterChain::contiguous(
      {.start = info.first_cluster,
       .count = static_cast<std::uint32_t>(clusters_for(info.size, geometry))});
}

Outcome<std::unique_ptr<ExfatDirectory>> ExfatDirectory::load(Volume& volume,
                                                              const UpcaseTable& table,
                                                              const ClusterChain& chain,
                                                              std::optional<std::uint64_t> size) {
  TRY(auto directory, begin(volume, table, chain, size));
  TRY_VOID(directory->read_some(kMostEntries));
  return directory;
}

Outcome<std::unique_ptr<ExfatDirectory>> ExfatDirectory::begin(Volume& volume,
                                                               const UpcaseTable& table,
                                                               const ClusterChain& chain,
                                                               std::optional<std::uint64_t> size) {
  std::unique_ptr<ExfatDirectory> directory(new ExfatDirectory(volume, table, chain));
  TRY_VOID(directory->measure(size));
  return directory;
}

Outcome<void> ExfatDirectory::measure(std::optional<std::uint64_t> size) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t most = std::uint64_t{kMostEntries} * kRecordSize;
  if (size && *size > most) return refuse(EFBIG);
  const auto clusters = static_cast<std::uint32_t>(clusters_for(size.value_or(most), geometry));
  TRY(const ClusterRun last, clusters == 0 ? Outcome<ClusterRun>(ClusterRun{})
                                           : chain_.find(volume_.table(), clusters - 1, 1));
  if (size && clusters > 0 && last.count == 0) return refuse(EUCLEAN);
  if (!size && last.count > 0) return refuse(EFBIG);
  TRY(const std::uint64_t length, chain_.length(volume_.table()));
  const std::uint64_t bytes = size.value_or(length * geometry.cluster_size);
  capacity_ = static_cast<std::uint32_t>(bytes / kRecordSize);
  used_.resize(capacity_);
  return {};
}

Outcome<bool> ExfatDirectory::read_some(std::uint32_t entries) {
  for (const std::uint32_t first = end_; end_ < capacity_;) {
    if (end_ - first >= entries) return false;
    TRY(const auto bytes, record(end_));
    const auto type = std::to_integer<std::uint8_t>(bytes.front());
    if (type == entry_type::kEnd) break;
    used_[end_] = (type & entry_type::kInUse) != 0;
    untouchable_ = untouchable_ || is_unknown_critical_primary(type);
    if (type == entry_type::kFile) {
      TRY(const auto name, name_at(end_));
      if (name) {
        remember(table_.fold(name->name), end_);
        for (std::uint32_t i = 0; i < name->count(); ++i) used_[end_++] = true;
        continue;
      }
    }
    ++end_;
  }
  return true;
}

// The file whose set begins there; nothing if there is no usable set.
Outcome<std::optional<ExfatName>> ExfatDirectory::name_at(std::uint32_t index) {
  TRY(const auto first_bytes, record(index));
  const std::size_t count = EntrySet::count_of(first_bytes);
  if (count == 0 || count > capacity_ - index) return std::nullopt;
  ExfatName found = {.index = index, .positions = {}, .name = {}, .info = {}};
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const std::uint64_t position, position_of(index + i));
    found.positions.push_back(position);
  }
  TRY(const EntrySet set, set_of(found));
  if (!set.is_sound()) return std::nullopt;
  found.name = set.name();
  found.info = set.info();
  if (!is_showable(found.name) || !is_possible(found.info, volume_.geometry())) return std::nullopt;
  return found;
}

Outcome<EntrySet> ExfatDirectory::set_of(const ExfatName& name) {
  EntrySet set(name.positions.size());
  for (std::size_t i = 0; i < name.positions.size(); ++i) {
    TRY(const auto bytes, volume_.record(name.positions[i]));
    std::ranges::copy(bytes, set.entry(i).begin());
  }
  return set;
}

Outcome<std::optional<ExfatName>> ExfatDirectory::find(std::u16string_view name) {
  const std::u16string wanted = table_.fold(name);
  std::optional<ExfatName> best;
  const auto places = remembered(wanted);
  for (const std::uint32_t index : places) {
    TRY(auto found, name_at(index));
    if (!found) continue;
    if (found->name == name) return found;
    if (!best && table_.fold(found->name) == wanted) best = std::move(found);
  }
  if (!best && NameIndex::is_full(places.size())) return refuse(EUCLEAN);
  return best;
}

Outcome<std::optional<ExfatName>> ExfatDirectory::next(std::uint32_t index) {
  for (; index < end_; ++index) {
    if (!used_[index]) continue;
    TRY(auto found, name_at(index));
    if (found) return found;
  }
  return std::nullopt;
}

bool ExfatDirectory::is_empty() const {
  for (std::uint32_t i = 0; i < used_.size(); ++i)
    if (used_[i] && !has_note(i)) return false;
  return true;
}

Outcome<void> ExfatDirectory::order_growth(const Place& place) {
  if (!own_sector_ || grown_in_ != volume_.batch() || place.index + place.count < grown_at_)
    return {};
  TRY(const std::uint64_t sector, sector_of_record(place.index));
  return volume_.require_order(*own_sector_, sector);
}

// In the sector of the file's own old name, if possible; else with an entry for a note behind it,
// if one is wanted.
std::optional<ExfatDirectory::Place> ExfatDirectory::room_for(std::uint32_t count,
                                                              const Wish& wish) {
  Place place = {.count = count};
  if (const ExfatName* own = wish.own; own != nullptr) {
    if (const auto around = free_run_around(own->index, own->count(), count)) {
      place.index = *around;
      place.in_place = true;
      place.fresh = is_added(own->index);
      return place;
    }
  }
  const bool wants_note = !wish.waiting.empty();
  const auto found = free_run(wants_note ? count + 1 : count);
  if (!found) return std::nullopt;
  place.index = *found;
  if (wants_note) place.note = place.index + count;
  return place;
}

Outcome<std::optional<ExfatDirectory::Place>> ExfatDirectory::find_place(std::u16string_view name,
                                                                         std::uint32_t count,
                                                                         const Wish& wish) {
  auto place = room_for(count, wish);
  if (!place) return std::nullopt;
  const std::uint32_t taken = count + (place->note ? 1 : 0);
  TRY_VOID(order_growth(*place));
  TRY_VOID(order_reused(table_.fold(name), place->index));
  TRY_VOID(clear_behind(place->index, taken));
  TRY_VOID(prepare_end(place->index, taken));
  if (place->note) {
    TRY(place->note, order_note(*place->note, place->index, wish.waiting));
  }
  return place;
}

Outcome<ExfatName> ExfatDirectory::add(const Place& place, EntrySet set) {
  const auto count = static_cast<std::uint32_t>(set.count());
  TRY_VOID(move_end(place.index, count));
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const std::uint64_t position, position_of(place.index + i));
    TRY(const auto bytes, volume_.record(position));
    std::ranges::copy(set.entry(i), bytes.begin());
    volume_.record_changed(position);
  }
  mark_used(place.index, count);
  if (place.fresh) note_added(place.index);
  TRY(const auto added, name_at(place.index));
  if (!added) return refuse(EUCLEAN);
  remember(table_.fold(added->name), place.index);
  return *added;
}

Outcome<std::uint32_t> ExfatDirectory::print_of(const ExfatName& name) {
  constexpr std::size_t kMadeAt = 8;
  constexpr std::size_t kMadeBytes = 4;
  constexpr std::size_t kNameLengthAt = 3;  // followed by the hash of the name
  constexpr std::size_t kNameBytes = 3;
  TRY(const auto first, volume_.record(name.positions[0]));
  TRY(const auto second, volume_.record(name.positions[1]));
  return fat::print_of(second.subspan(kNameLengthAt, kNameBytes),
                       first.subspan(kMadeAt, kMadeBytes));
}

std::vector<std::uint64_t> ExfatDirectory::sectors_of(const ExfatName& name) const {
  std::vector<std::uint64_t> sectors;
  for (const std::uint64_t position : name.positions) {
    const std::uint64_t sector = volume_.sector_of(position);
    if (sectors.empty() || sectors.back() != sector) sectors.push_back(sector);
  }
  return sectors;
}

// Within a block the order is not worth a flush for every sector of a directory that another system
// has filled.
Outcome<void> ExfatDirectory::prepare_removal(const ExfatName& name) {
  const Geometry& geometry = volume_.geometry();
  for (const std::uint64_t position : name.positions) {
    if (geometry.block_of(position) == geometry.block_of(name.position())) continue;
    TRY_VOID(
        volume_.require_order(volume_.sector_of(name.position()), volume_.sector_of(position)));
  }
  return {};
}

Outcome<void> ExfatDirectory::remove(const ExfatName& name) {
  for (const std::uint64_t position : name.positions) {
    TRY(const auto bytes, volume_.record(position));
    bytes.front() &= ~std::byte{entry_type::kInUse};
    volume_.record_changed(position);
  }
  mark_free(name.index, name.count());
  forget(table_.fold(name.name), name.index);
  return {};
}

bool ExfatDirectory::can_grow() const {
  const std::uint32_t per_cluster = volume_.geometry().cluster_size / kRecordSize;
  return capacity_ + per_cluster <= std::max(kMostEntries, per_cluster);
}

void ExfatDirectory::grown(const ClusterRun& run, std::optional<std::uint64_t> own_sector) {
  chain_.append(run);
  if (grown_in_ != volume_.batch()) grown_at_ = capacity_;
  grown_in_ = volume_.batch();
  own_sector_ = own_sector;
  add_capacity(run.count);
}

}  // namespace airlock::fat
