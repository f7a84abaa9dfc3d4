// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/records.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "contained/fat/file_info.h"
#include "contained/fat/unicode.h"

namespace airlock::fat {

bool is_showable(std::u16string_view name) {
  if (name.empty() || name == u"." || name == u"..") return false;
  if (name.find(u'/') != std::u16string_view::npos || name.find(u'\0') != std::u16string_view::npos)
    return false;
  return to_utf8(name).has_value();
}

Outcome<std::uint64_t> Records::position_of(std::uint32_t index) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t offset = std::uint64_t{index} * kRecordSize;
  if (index >= capacity_) return refuse(EUCLEAN);
  if (chain_.first() == 0) return geometry.root_offset + offset;
  TRY(const ClusterRun run,
      chain_.find(volume_.table(), static_cast<std::uint32_t>(offset / geometry.cluster_size), 1));
  if (run.count == 0) return refuse(EUCLEAN);
  return geometry.cluster_offset(run.start) + offset % geometry.cluster_size;
}

Outcome<std::uint64_t> Records::sector_of_record(std::uint32_t index) {
  TRY(const std::uint64_t position, position_of(index));
  return volume_.sector_of(position);
}

Outcome<std::span<std::byte>> Records::record(std::uint32_t index) {
  TRY(const std::uint64_t position, position_of(index));
  return volume_.record(position);
}

Outcome<void> Records::mark(std::uint32_t index, std::uint8_t type) {
  TRY(const std::uint64_t position, position_of(index));
  TRY(const auto bytes, volume_.record(position));
  bytes.front() = static_cast<std::byte>(type);
  volume_.record_changed(position);
  return {};
}

std::optional<std::uint32_t> Records::free_run(std::uint32_t count) {
  begin_batch();
  const bool fits_sector = count <= kPerSector;
  const std::uint32_t unit = fits_sector ? kPerSector : volume_.geometry().block_size / kRecordSize;
  std::uint32_t run = 0;
  for (std::uint32_t i = search_from_[count]; i < capacity_; ++i) {
    if (i % unit == 0) run = 0;
    run = used_[i] ? 0 : run + 1;
    if (run >= count && (fits_sector || (i + 1 - count) % kPerSector == 0))
      return search_from_[count] = i + 1 - count;
  }
  search_from_[count] = capacity_;
  return std::nullopt;
}

std::optional<std::uint32_t> Records::free_run_around(std::uint32_t first, std::uint32_t own,
                                                      std::uint32_t count) {
  begin_batch();
  const std::uint32_t begin = first / kPerSector * kPerSector;
  const std::uint32_t end = std::min(begin + kPerSector, capacity_);
  if (first + own > end) return std::nullopt;
  std::uint32_t run = 0;
  for (std::uint32_t i = begin; i < end; ++i) {
    const bool is_own = i >= first && i < first + own;
    run = used_[i] && !is_own ? 0 : run + 1;
    if (run == count) return i + 1 - count;
  }
  return std::nullopt;
}

void Records::mark_used(std::uint32_t first, std::uint32_t count) {
  for (std::uint32_t i = first; i < first + count; ++i) used_[i] = true;
}

void Records::mark_free(std::uint32_t first, std::uint32_t count) {
  for (std::uint32_t i = first; i < first + count; ++i) used_[i] = false;
  // A run of this length may now begin a little earlier, together with free records before it.
  for (std::uint32_t length = 1; length <= kMostPerName; ++length)
    search_from_[length] = std::min(search_from_[length], first - std::min(first, length));
}

Outcome<void> Records::clear_behind(std::uint32_t first, std::uint32_t count) {
  constexpr std::byte kEnd{0};
  if (first + count <= end_) return {};
  bool found_any = false;
  for (const std::uint32_t index : {first, first + count}) {
    if (index < end_ || index >= capacity_) continue;
    TRY(const auto behind, record(index));
    if (behind.front() == kEnd) continue;
    TRY_VOID(mark(index, std::to_integer<std::uint8_t>(kEnd)));
    found_any = true;
  }
  return found_any ? refuse(kCommitFirst) : Outcome<void>{};
}

// Orders the sectors that the end moves through: until all are written, nothing behind them is
// found.
Outcome<void> Records::prepare_end(std::uint32_t first, std::uint32_t count) {
  begin_batch();
  const std::uint32_t last = (first + count - 1) / kPerSector;
  if (first + count <= end_ || last <= end_before_ / kPerSector) return {};
  const std::uint32_t from = (end_point_ ? end_ : end_before_) / kPerSector;
  if (!end_point_) end_point_ = volume_.new_point();
  for (std::uint32_t i = from; i <= last; ++i) {
    TRY(const std::uint64_t sector, sector_of_record(i * kPerSector));
    TRY_VOID(volume_.require_order(sector, *end_point_));
  }
  return {};
}

Outcome<void> Records::move_end(std::uint32_t first, std::uint32_t count) {
  for (; end_ < first; ++end_) TRY_VOID(mark(end_, free_mark_));
  end_ = std::max(end_, first + count);
  return {};
}

Outcome<void> Records::order_seen(std::uint32_t first, std::uint32_t count, std::uint64_t after) {
  begin_batch();
  for (std::uint32_t i = first; i < first + count; ++i) {
    TRY(const std::uint64_t sector, sector_of_record(i));
    TRY_VOID(volume_.require_order(sector, after));
  }
  if ((first + count - 1) / kPerSector <= end_before_ / kPerSector) return {};
  TRY_VOID(prepare_end(first, count));
  if (!end_point_ || volume_.require_order(*end_point_, after)) return {};
  // The end is in the very sector that has to wait: move it first, on the medium too.
  TRY_VOID(move_end(first, 0));
  return refuse(kCommitFirst);
}

void Records::begin_batch() {
  if (batch_ == volume_.batch()) return;
  batch_ = volume_.batch();
  end_before_ = end_;
  end_point_.reset();
  for (const std::uint32_t index : all_added_) added_[index] = false;
  all_added_.clear();
  for (const std::uint32_t index : notes_) mark_free(index, 1);
  notes_.clear();
  removed_.clear();
}

void Records::note_added(std::uint32_t index) {
  begin_batch();
  added_.resize(capacity_);
  added_[index] = true;
  all_added_.push_back(index);
}

bool Records::is_added(std::uint32_t index) {
  begin_batch();
  return index < added_.size() && added_[index];
}

bool Records::has_note(std::uint32_t index) const {
  return std::ranges::find(notes_, index) != notes_.end();
}

// Whether it is free, and the end can move behind it.
Outcome<bool> Records::can_take_note(std::uint32_t index) {
  if (used_[index] || index > end_) return false;
  if (index < end_) return true;
  TRY_VOID(clear_behind(index, 1));
  TRY_VOID(prepare_end(index, 1));
  return true;
}

Outcome<std::optional<std::uint32_t>> Records::place_for_note(
    std::uint32_t name, std::span<const std::uint64_t> waiting) {
  begin_batch();
  const std::uint32_t begin = name / kPerSector * kPerSector;
  for (std::uint32_t i = begin; i < std::min(begin + kPerSector, capacity_); ++i) {
    TRY(const bool can, can_take_note(i));
    if (can) return i;
  }
  for (std::uint32_t i = free_run(1).value_or(capacity_); i < std::min(end_ + 1, capacity_); ++i) {
    TRY(const bool can, can_take_note(i));
    if (!can) continue;
    TRY(const auto note, order_note(i, name, waiting));
    if (note) return note;
  }
  return std::nullopt;
}

Outcome<std::optional<std::uint32_t>> Records::order_note(std::uint32_t note, std::uint32_t name,
                                                          std::span<const std::uint64_t> waiting) {
  TRY(const std::uint64_t sector, sector_of_record(note));
  TRY(const std::uint64_t name_sector, sector_of_record(name));
  if (sector == name_sector) return note;
  if (std::ranges::find(waiting, sector) != waiting.end()) return std::nullopt;
  TRY_VOID(order_seen(note, 1, name_sector));
  return note;
}

Outcome<std::vector<RenameNote>> Records::notes() {
  std::vector<RenameNote> found;
  for (std::uint32_t i = 0; i < end_; ++i) {
    if (used_[i]) continue;
    TRY(const auto bytes, record(i));
    if (const auto note = read_note(bytes, free_mark_)) found.push_back(*note);
  }
  return found;
}

Outcome<void> Records::keep_note(std::uint32_t index, const RenameNote& note) {
  TRY_VOID(move_end(index, 1));
  TRY(const std::uint64_t position, position_of(index));
  TRY(const auto bytes, volume_.record(position));
  write_note(bytes, free_mark_, note);
  volume_.record_changed(position);
  mark_used(index, 1);
  notes_.push_back(index);
  return {};
}

void Records::add_capacity(std::uint32_t clusters) {
  capacity_ += clusters * (volume_.geometry().cluster_size / kRecordSize);
  used_.resize(capacity_);
}

void Records::remember(std::u16string_view folded, std::uint32_t index) {
  names_.add(NameIndex::hash_of(folded), index);
}

void Records::forget(std::u16string_view folded, std::uint32_t index) {
  const std::uint32_t hash = NameIndex::hash_of(folded);
  if (names_.remove(hash, index) && !is_added(index)) removed_.emplace(hash, index);
}

Outcome<void> Records::order_reused(std::u16string_view folded, std::uint32_t index) {
  begin_batch();
  if (removed_.empty()) return {};
  TRY(const std::uint64_t sector, sector_of_record(index));
  const auto [from, to] = removed_.equal_range(NameIndex::hash_of(folded));
  for (const auto& [hash, removed] : std::ranges::subrange(from, to)) {
    TRY(const std::uint64_t before, sector_of_record(removed));
    TRY_VOID(volume_.require_order(before, sector));
  }
  return {};
}

}  // namespace airlock::fat
