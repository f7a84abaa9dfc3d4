// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/block_cache.h"

#include <utility>

#include "contained/runtime/reader_token.h"

namespace airlock::squashfs {

Outcome<SharedBlock> BlockCache::get(std::uint64_t place,
                                     const std::function<Outcome<Block>()>& make) const {
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto found = slots_.find(place);
      if (found == slots_.end()) break;
      if (found->second.block != nullptr) return use(found->second);
      ReaderToken::give();
      made_.wait(lock);
    }
    slots_.emplace(place, Slot{});
  }
  auto made = make();
  // Everybody who waits looks again, and makes it themselves if this went wrong.
  const std::scoped_lock lock(mutex_);
  made_.notify_all();
  if (!made) {
    slots_.erase(place);
    return std::unexpected(made.error());
  }
  auto block = std::make_shared<const Block>(*std::move(made));
  keep(place, block);
  return block;
}

SharedBlock BlockCache::kept(std::uint64_t place) const {
  const std::scoped_lock lock(mutex_);
  const auto found = slots_.find(place);
  if (found == slots_.end() || found->second.block == nullptr) return nullptr;
  return use(found->second);
}

SharedBlock BlockCache::use(Slot& slot) const {
  recency_.splice(recency_.begin(), recency_, slot.position);
  return slot.block;
}

void BlockCache::keep(std::uint64_t place, const SharedBlock& block) const {
  recency_.push_front(place);
  slots_[place] = {.block = block, .position = recency_.begin()};
  bytes_ += block->size;
  while (bytes_ > most_bytes_) {
    const auto oldest = slots_.find(recency_.back());
    bytes_ -= oldest->second.block->size;
    slots_.erase(oldest);
    recency_.pop_back();
  }
}

}  // namespace airlock::squashfs
