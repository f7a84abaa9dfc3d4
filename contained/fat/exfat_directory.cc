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

std::uint32_t hash_of(std::u16string_view folded) {
  std::uint32_t sum = 2166136261u;
  for (const char16_t unit : folded) sum = (sum ^ unit) * 16777619u;
  return sum;
}

// What would not survive being a part of a path.
bool is_showable(std::u16string_view name) {
  if (name.empty() || name == u"." || name == u"..") return false;
  if (name.find(u'/') != std::u16string_view::npos || name.find(u'\0') != std::u16string_view::npos)
    return false;
  return to_utf8(name).has_value();
}

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
  const std::uint64_t most = std::uint64_t{kMostEntries} * kEntrySize;
  if (size && *size > most) return refuse(EFBIG);
  const auto clusters = static_cast<std::uint32_t>(clusters_for(size.value_or(most), geometry));
  TRY(const ClusterRun last, clusters == 0 ? Outcome<ClusterRun>(ClusterRun{})
                                           : chain_.find(volume_.table(), clusters - 1, 1));
  if (size && clusters > 0 && last.count == 0) return refuse(EUCLEAN);
  if (!size && last.count > 0) return refuse(EFBIG);
  TRY(const std::uint64_t length, chain_.length(volume_.table()));
  const std::uint64_t bytes = size.value_or(length * geometry.cluster_size);
  capacity_ = static_cast<std::uint32_t>(bytes / kEntrySize);
  used_.resize(capacity_);
  return {};
}

Outcome<void> ExfatDirectory::read_all() {
  while (end_ < capacity_) {
    TRY(const std::uint64_t position, position_of(end_));
    TRY(const auto bytes, entry(position));
    const auto type = std::to_integer<std::uint8_t>(bytes.front());
    if (type == entry_type::kEnd) break;
    used_[end_] = (type & entry_type::kInUse) != 0;
    untouchable_ = untouchable_ || is_unknown_critical_primary(type);
    if (type == entry_type::kFile) {
      TRY(const auto name, name_at(end_));
      if (name) {
        names_.emplace(hash_of(table_.fold(name->name)), end_);
        for (std::uint32_t i = 0; i < name->count(); ++i) used_[end_++] = true;
        continue;
      }
    }
    ++end_;
  }
  return {};
}

Outcome<std::uint64_t> ExfatDirectory::position_of(std::uint32_t index) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t offset = std::uint64_t{index} * kEntrySize;
  if (index >= capacity_) return refuse(EUCLEAN);
  TRY(const ClusterRun run,
      chain_.find(volume_.table(), static_cast<std::uint32_t>(offset / geometry.cluster_size), 1));
  if (run.count == 0) return refuse(EUCLEAN);
  return geometry.cluster_offset(run.start) + offset % geometry.cluster_size;
}

Outcome<std::span<std::byte>> ExfatDirectory::entry(std::uint64_t position) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t block = geometry.block_of(position);
  TRY(const auto bytes, volume_.blocks().read(block, volume_.blocks_together(block)));
  return bytes.subspan((position - geometry.block_origin) % geometry.block_size, kEntrySize);
}

Outcome<std::uint64_t> ExfatDirectory::block_of(std::uint32_t index) {
  TRY(const std::uint64_t position, position_of(index));
  return volume_.geometry().block_of(position);
}

// The file whose set begins there; nothing where there is none that can be used.
Outcome<std::optional<ExfatName>> ExfatDirectory::name_at(std::uint32_t index) {
  TRY(const std::uint64_t first, position_of(index));
  TRY(const auto first_bytes, entry(first));
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
    TRY(const auto bytes, entry(name.positions[i]));
    std::ranges::copy(bytes, set.entry(i).begin());
  }
  return set;
}

Outcome<std::optional<ExfatName>> ExfatDirectory::find(std::u16string_view name) {
  const std::u16string wanted = table_.fold(name);
  std::optional<ExfatName> best;
  const auto [from, to] = names_.equal_range(hash_of(wanted));
  for (auto at = from; at != to; ++at) {
    TRY(auto found, name_at(at->second));
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

std::optional<std::uint32_t> ExfatDirectory::free_run(std::size_t count) const {
  const std::uint32_t per_block = volume_.geometry().block_size / kEntrySize;
  std::size_t run = 0;
  for (std::uint32_t i = search_from_[count]; i < capacity_; ++i) {
    if (i % per_block == 0) run = 0;
    run = used_[i] ? 0 : run + 1;
    if (run == count) return static_cast<std::uint32_t>(i + 1 - count);
  }
  return std::nullopt;
}

Outcome<void> ExfatDirectory::mark(std::uint32_t index, std::uint8_t type) {
  TRY(const std::uint64_t position, position_of(index));
  TRY(const auto bytes, entry(position));
  bytes.front() = static_cast<std::byte>(type);
  volume_.blocks().changed(volume_.geometry().block_of(position));
  return {};
}

// Behind the end there may be anything. Where the end is about to move to, the medium has to say
// that it is one before anybody can look there.
Outcome<void> ExfatDirectory::clear_behind(std::uint32_t index, std::uint32_t count) {
  if (index + count <= end_) return {};
  bool found_any = false;
  for (const std::uint32_t at : {index, index + count}) {
    if (at < end_ || at >= capacity_) continue;
    TRY(const std::uint64_t position, position_of(at));
    TRY(const auto bytes, entry(position));
    if (std::to_integer<std::uint8_t>(bytes.front()) == entry_type::kEnd) continue;
    TRY_VOID(mark(at, entry_type::kEnd));
    found_any = true;
  }
  return found_any ? refuse(kCommitFirst) : Outcome<void>{};
}

Outcome<void> ExfatDirectory::order_growth(const Place& place) {
  if (own_block_ && grown_in_ == volume_.batch() && place.index >= grown_at_)
    return volume_.require_order(*own_block_, place.block);
  return {};
}

Outcome<std::optional<ExfatDirectory::Place>> ExfatDirectory::find_place(std::size_t count) {
  const auto found = free_run(count);
  search_from_[count] = found.value_or(capacity_);
  if (!found) return std::nullopt;
  Place place = {.index = *found};
  TRY(place.block, block_of(*found));
  TRY_VOID(order_growth(place));
  // Those passed over are an end of the directory until they are marked.
  for (std::uint32_t i = end_; i < *found; ++i) {
    TRY(const std::uint64_t passed, block_of(i));
    TRY_VOID(volume_.require_order(passed, place.block));
  }
  TRY_VOID(clear_behind(*found, static_cast<std::uint32_t>(count)));
  return place;
}

Outcome<ExfatName> ExfatDirectory::add(const Place& place, EntrySet set) {
  const auto count = static_cast<std::uint32_t>(set.count());
  for (; end_ < place.index; ++end_) TRY_VOID(mark(end_, entry_type::kUnused));
  end_ = std::max(end_, place.index + count);
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const std::uint64_t position, position_of(place.index + i));
    TRY(const auto bytes, entry(position));
    std::ranges::copy(set.entry(i), bytes.begin());
    used_[place.index + i] = true;
  }
  volume_.blocks().changed(place.block);
  TRY(const auto added, name_at(place.index));
  if (!added) return refuse(EUCLEAN);
  names_.emplace(hash_of(table_.fold(added->name)), place.index);
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
  for (std::uint32_t i = name.index; i < name.index + name.count(); ++i) {
    TRY(const std::uint64_t position, position_of(i));
    TRY(const auto bytes, entry(position));
    bytes.front() &= ~std::byte{entry_type::kInUse};
    volume_.blocks().changed(volume_.geometry().block_of(position));
    used_[i] = false;
  }
  const auto [from, to] = names_.equal_range(hash_of(table_.fold(name.name)));
  const auto known =
      std::find_if(from, to, [&](const auto& entry) { return entry.second == name.index; });
  if (known != to) names_.erase(known);
  // A run of free entries may now begin a little earlier, together with those before.
  for (std::uint32_t length = 1; length <= kMostInSet; ++length)
    search_from_[length] =
        std::min(search_from_[length], name.index - std::min(name.index, length));
  return {};
}

bool ExfatDirectory::can_grow() const {
  const std::uint32_t per_cluster = volume_.geometry().cluster_size / kEntrySize;
  return capacity_ + per_cluster <= std::max(kMostEntries, per_cluster);
}

void ExfatDirectory::grown(const ClusterRun& run, std::optional<std::uint64_t> own_block) {
  const std::uint32_t per_cluster = volume_.geometry().cluster_size / kEntrySize;
  chain_.append(run);
  if (grown_in_ != volume_.batch()) grown_at_ = capacity_;
  grown_in_ = volume_.batch();
  own_block_ = own_block;
  capacity_ += run.count * per_cluster;
  used_.resize(capacity_);
}

}  // namespace airlock::fat
