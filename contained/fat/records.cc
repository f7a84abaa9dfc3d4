// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/records.h"

#include <algorithm>
#include <cerrno>

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

std::uint64_t Records::block_of(std::uint64_t position) const {
  return volume_.geometry().block_of(position);
}

Outcome<std::uint64_t> Records::block_of_record(std::uint32_t index) {
  TRY(const std::uint64_t position, position_of(index));
  return block_of(position);
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
  const std::uint32_t per_block = volume_.geometry().block_size / kRecordSize;
  std::uint32_t run = 0;
  for (std::uint32_t i = search_from_[count]; i < capacity_; ++i) {
    if (i % per_block == 0) run = 0;
    run = used_[i] ? 0 : run + 1;
    if (run == count) return search_from_[count] = i + 1 - count;
  }
  search_from_[count] = capacity_;
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

Outcome<void> Records::move_end(std::uint32_t first, std::uint32_t count, std::uint8_t free_type) {
  for (; end_ < first; ++end_) TRY_VOID(mark(end_, free_type));
  end_ = std::max(end_, first + count);
  return {};
}

void Records::add_capacity(std::uint32_t clusters) {
  capacity_ += clusters * (volume_.geometry().cluster_size / kRecordSize);
  used_.resize(capacity_);
}

std::uint32_t Records::hash_of(std::u16string_view folded) {
  std::uint32_t sum = 2166136261u;
  for (const char16_t unit : folded) sum = (sum ^ unit) * 16777619u;
  return sum;
}

void Records::remember(std::u16string_view folded, std::uint32_t index) {
  names_.emplace(hash_of(folded), index);
}

void Records::forget(std::u16string_view folded, std::uint32_t index) {
  const auto [from, to] = names_.equal_range(hash_of(folded));
  const auto found =
      std::find_if(from, to, [index](const auto& name) { return name.second == index; });
  if (found != to) names_.erase(found);
}

}  // namespace airlock::fat
