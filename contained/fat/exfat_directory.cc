// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_directory.h"

#include <algorithm>
#include <cerrno>

#include "contained/fat/slot.h"
#include "contained/fat/unicode.h"

namespace airlock::fat {
namespace {

// What is kept in memory of the largest: 128 MiB on the medium.
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
  std::unique_ptr<ExfatDirectory> directory(new ExfatDirectory(volume, table, chain));
  TRY_VOID(directory->measure(size));
  TRY_VOID(directory->read_all());
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

Outcome<void> ExfatDirectory::read_all() {
  while (end_ < capacity_) {
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
  return {};
}

// The file whose set begins there; nothing where there is none that can be used.
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
  for (const auto& [hash, index] : remembered(wanted)) {
    TRY(auto found, name_at(index));
    if (!found) continue;
    if (found->name == name) return found;
    if (!best && table_.fold(found->name) == wanted) best = std::move(found);
  }
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
  return std::ranges::find(used_, true) == used_.end();
}

Outcome<void> ExfatDirectory::order_growth(const Place& place) {
  if (own_block_ && grown_in_ == volume_.batch() && place.index >= grown_at_)
    return volume_.require_order(*own_block_, place.block);
  return {};
}

Outcome<std::optional<ExfatDirectory::Place>> ExfatDirectory::find_place(std::uint32_t count) {
  const auto found = free_run(count);
  if (!found) return std::nullopt;
  Place place = {.index = *found};
  TRY(place.block, block_of_record(*found));
  TRY_VOID(order_growth(place));
  // Those passed over are an end of the directory until they are marked.
  for (std::uint32_t i = end_; i < *found; ++i) {
    TRY(const std::uint64_t passed, block_of_record(i));
    TRY_VOID(volume_.require_order(passed, place.block));
  }
  TRY_VOID(clear_behind(*found, count));
  return place;
}

Outcome<ExfatName> ExfatDirectory::add(const Place& place, EntrySet set) {
  const auto count = static_cast<std::uint32_t>(set.count());
  TRY_VOID(move_end(place.index, count, entry_type::kUnused));
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const auto bytes, record(place.index + i));
    std::ranges::copy(set.entry(i), bytes.begin());
  }
  mark_used(place.index, count);
  volume_.blocks().changed(place.block);
  TRY(const auto added, name_at(place.index));
  if (!added) return refuse(EUCLEAN);
  remember(table_.fold(added->name), place.index);
  return *added;
}

Outcome<void> ExfatDirectory::prepare_removal(const ExfatName& name) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t first = geometry.block_of(name.position());
  for (const std::uint64_t position : name.positions)
    TRY_VOID(volume_.require_order(first, geometry.block_of(position)));
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

void ExfatDirectory::grown(const ClusterRun& run, std::optional<std::uint64_t> own_block) {
  chain_.append(run);
  if (grown_in_ != volume_.batch()) grown_at_ = capacity_;
  grown_in_ = volume_.batch();
  own_block_ = own_block;
  add_capacity(run.count);
}

}  // namespace airlock::fat
