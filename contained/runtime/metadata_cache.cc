// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/metadata_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace airlock {
namespace {

constexpr std::size_t kMaxSpare = 64;
constexpr std::uint32_t kMaxAhead = 32;

}  // namespace

MetadataCache::MetadataCache(BlockIo& io, std::uint32_t block_size, std::uint64_t block_count,
                             std::size_t capacity, std::uint64_t origin)
    : io_(io),
      block_size_(block_size),
      block_count_(block_count),
      capacity_(capacity),
      origin_(origin) {
  // A small medium never has as many as the cache could hold.
  slots_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(capacity, block_count)));
}

Outcome<std::span<std::byte>> MetadataCache::read(std::uint64_t block, std::uint32_t ahead) {
  if (block == last_block_) return bytes(*last_slot_);
  auto found = slots_.find(block);
  if (found == slots_.end()) {
    TRY(found, load(block, ahead));
  } else {
    recency_.splice(recency_.begin(), recency_, found->second.position);
  }
  last_block_ = block;
  last_slot_ = &found->second;
  return bytes(found->second);
}

Outcome<MetadataCache::Slots::iterator> MetadataCache::load(std::uint64_t block,
                                                            std::uint32_t ahead) {
  if (block >= block_count_) return refuse(EUCLEAN);
  std::array<iovec, kMaxAhead> parts = {};
  std::vector<std::unique_ptr<std::byte[]>> memory;
  const std::uint64_t most =
      std::min<std::uint64_t>({std::max(ahead, 1u), kMaxAhead, block_count_ - block});
  while (memory.size() < most &&
         (memory.empty() || slots_.find(block + memory.size()) == slots_.end())) {
    memory.push_back(take_memory());
    parts[memory.size() - 1] = {.iov_base = memory.back().get(), .iov_len = block_size_};
  }
  const std::uint64_t offset = origin_ + block * block_size_;
  auto done = io_.read_scatter(offset, std::span(parts).first(memory.size()));
  if (!done && memory.size() > 1) {
    // The block that cannot be read may be one nobody asked for.
    memory.resize(1);
    parts[0] = {.iov_base = memory.front().get(), .iov_len = block_size_};
    done = io_.read_scatter(offset, std::span(parts).first(1));
  }
  if (!done) return std::unexpected(done.error());
  for (std::size_t i = memory.size(); i-- > 0;) {
    auto slot = insert(block + i);
    slot->second.data = std::move(memory[i]);
  }
  return slots_.find(block);
}

MetadataCache::Slots::iterator MetadataCache::insert(std::uint64_t block) {
  recency_.push_front(block);
  auto [slot, added] = slots_.try_emplace(block);
  slot->second.position = recency_.begin();
  return slot;
}

std::unique_ptr<std::byte[]> MetadataCache::take_memory() {
  if (spare_.empty()) return std::make_unique_for_overwrite<std::byte[]>(block_size_);
  auto memory = std::move(spare_.back());
  spare_.pop_back();
  return memory;
}

Outcome<std::span<std::byte>> MetadataCache::fresh(std::uint64_t block) {
  if (block >= block_count_) return refuse(EUCLEAN);
  auto found = slots_.find(block);
  if (found == slots_.end()) {
    found = insert(block);
    found->second.data = take_memory();
  }
  Slot& slot = found->second;
  std::memset(slot.data.get(), 0, block_size_);
  slot.fresh = true;
  slot.marks = 0;
  changed(block);
  return bytes(slot);
}

void MetadataCache::zeroed(std::uint64_t block) {
  const auto found = slots_.find(block);
  if (found == slots_.end()) return;
  std::memset(found->second.data.get(), 0, block_size_);
  found->second.marks = 0;
}

void MetadataCache::changed(std::uint64_t block, std::uint8_t rank) {
  const auto found = slots_.find(block);
  if (found == slots_.end()) return;
  Slot& slot = found->second;
  slot.rank = std::max(slot.rank, rank);
  if (slot.changed) return;
  slot.changed = true;
  ++changed_count_;
}

std::uint8_t MetadataCache::rank(std::uint64_t block) const {
  const auto found = slots_.find(block);
  return found == slots_.end() ? std::uint8_t{0} : found->second.rank;
}

bool MetadataCache::is_fresh(std::uint64_t block) const {
  const auto found = slots_.find(block);
  return found != slots_.end() && found->second.fresh;
}

void MetadataCache::forget(std::uint64_t block) {
  const auto found = slots_.find(block);
  if (found == slots_.end()) return;
  Slot& slot = found->second;
  if (slot.changed) --changed_count_;
  slot.changed = false;
  slot.fresh = false;
  slot.rank = 0;
  // The memory may still be in use by this operation; it goes with the next end_operation().
  recency_.splice(recency_.end(), recency_, slot.position);
}

std::uint64_t& MetadataCache::marks(std::uint64_t block) {
  if (block == last_block_) return last_slot_->marks;
  const auto found = slots_.find(block);
  if (found == slots_.end()) return no_marks_ = 0;
  return found->second.marks;
}

MetadataCache::Changes MetadataCache::take_changed() {
  Changes changes;
  changes.blocks.reserve(changed_count_);
  changes.memory.reserve(changed_count_);
  for (auto& [block, slot] : slots_) {
    if (!slot.changed) continue;
    auto copy = std::make_unique_for_overwrite<std::byte[]>(block_size_);
    std::memcpy(copy.get(), slot.data.get(), block_size_);
    changes.blocks.push_back({block, slot.fresh, slot.rank, {copy.get(), block_size_}});
    changes.memory.push_back(std::move(copy));
    slot.changed = false;
    slot.fresh = false;
    slot.rank = 0;
    ++slot.writing;
  }
  changed_count_ = 0;
  std::ranges::sort(changes.blocks, {}, &Snapshot::block);
  return changes;
}

void MetadataCache::written(const Changes& changes) {
  for (const Snapshot& snapshot : changes.blocks) {
    const auto found = slots_.find(snapshot.block);
    if (found != slots_.end() && found->second.writing > 0) --found->second.writing;
  }
}

void MetadataCache::drop(Slots::iterator slot) {
  if (spare_.size() < kMaxSpare) spare_.push_back(std::move(slot->second.data));
  recency_.erase(slot->second.position);
  slots_.erase(slot);
}

void MetadataCache::end_operation() {
  if (slots_.size() <= capacity_) return;
  last_block_ = ~std::uint64_t{0};
  last_slot_ = nullptr;
  // Changed blocks may sit at the end of the list; look past a bounded number of them.
  std::size_t looked = 0;
  auto position = recency_.end();
  while (slots_.size() > capacity_ && position != recency_.begin() && looked++ < capacity_) {
    const auto slot = slots_.find(*std::prev(position));
    if (slot->second.changed || slot->second.writing > 0) {
      --position;
    } else {
      position = std::next(slot->second.position);
      drop(slot);
    }
  }
}

void MetadataCache::drop_clean() {
  last_block_ = ~std::uint64_t{0};
  last_slot_ = nullptr;
  std::erase_if(slots_, [this](auto& entry) {
    if (entry.second.changed || entry.second.writing > 0) return false;
    recency_.erase(entry.second.position);
    return true;
  });
  spare_.clear();
}

}  // namespace airlock
