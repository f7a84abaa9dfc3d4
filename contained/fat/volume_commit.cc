// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "contained/fat/volume.h"
#include "contained/runtime/gather_writer.h"
#include "contained/runtime/reader_token.h"
#include "lib/base/log.h"

// The order in which changes reach the medium; README.md says why it survives any interruption.
namespace airlock::fat {

Outcome<Volume::Batch> Volume::take_batch() {
  // Entries of FAT12 span blocks, so the whole table, which is small, is written at once.
  if (geometry_.kind == FatKind::k12 && table_cache_.changed_count() > 0) {
    const std::uint64_t first = geometry_.table_offset / geometry_.block_size;
    const std::uint64_t count = geometry_.table_size / geometry_.block_size;
    for (std::uint64_t i = 0; i < count; ++i) {
      TRY_VOID(table_cache_.read(first + i));
      table_cache_.changed(first + i);
    }
  }
  Batch batch;
  batch.bitmap = bitmap_cache_.take_changed();
  batch.table = table_cache_.take_changed();
  batch.blocks = blocks_.take_changed();
  batch.table_order = std::exchange(table_order_, {});
  batch.block_order = std::exchange(block_order_, {});
  batch.cleared = std::exchange(cleared_, {});
  batch.releases = std::exchange(releases_, {});
  batch.erased = space_.take_erased();
  batch.zeroed = std::exchange(zeroed_, false);
  batch.data = data_written_.exchange(false);
  ++batch_;
  return batch;
}

Outcome<void> Volume::write_zeroes(const ClusterRun& run) {
  const std::vector<std::byte> zeroes(geometry_.cluster_size);
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster)
    TRY_VOID(io_.write(geometry_.cluster_offset(cluster), zeroes));
  return {};
}

Outcome<void> Volume::write_pieces(const MetadataCache& cache, const Pieces& pieces,
                                   const WriteOrder& order, Copies copies) {
  const bool all = copies == Copies::kAllTables && geometry_.mirrored;
  const std::uint32_t count = all ? geometry_.table_count : 1;
  for (std::uint32_t copy = 0; copy < count; ++copy) {
    GatherWriter writer(io_, WriteOrder::kSectorSize, cache.origin() + copy * geometry_.table_size);
    for (const Piece& piece : pieces) {
      // Ends a long write here, so that it does not end between sectors that belong together.
      const std::uint64_t last = piece.sector + piece.data.size() / WriteOrder::kSectorSize - 1;
      if (order.is_joined(last)) TRY_VOID(writer.finish());
      TRY_VOID(writer.add(piece.sector, piece.data));
    }
    TRY_VOID(writer.finish());
  }
  return {};
}

// The pieces to write between two flushes: blocks, split if not all their sectors may be written at
// once.
std::vector<Volume::Pieces> Volume::pieces_of(const MetadataCache::Changes& changes,
                                              std::uint32_t block_size, const WriteOrder& order) {
  const WriteOrder::Steps steps = order.empty() ? WriteOrder::Steps{} : order.steps();
  const std::uint64_t sectors = block_size / WriteOrder::kSectorSize;
  const auto step_of = [&](std::uint64_t sector) {
    const auto found = steps.find(sector);
    return found == steps.end() ? std::size_t{0} : found->second;
  };
  std::vector<Pieces> all(1);
  for (const auto& snapshot : changes.blocks) {
    const std::uint64_t first = snapshot.block * sectors;
    for (std::uint64_t at = 0; at < sectors;) {
      const std::size_t step = steps.empty() ? 0 : step_of(first + at);
      std::uint64_t end = steps.empty() ? sectors : at + 1;
      while (end < sectors && step_of(first + end) == step) ++end;
      if (step >= all.size()) all.resize(step + 1);
      all[step].push_back(
          {first + at, snapshot.data.subspan(at * WriteOrder::kSectorSize,
                                             (end - at) * WriteOrder::kSectorSize)});
      at = end;
    }
  }
  return all;
}

// Writes the steps with a flush in between; none after the last.
Outcome<void> Volume::write_ordered(const MetadataCache& cache,
                                    const MetadataCache::Changes& changes, const WriteOrder& order,
                                    Copies copies) {
  bool first = true;
  for (const Pieces& pieces : pieces_of(changes, cache.block_size(), order)) {
    if (pieces.empty()) continue;
    if (!first) TRY_VOID(io_.flush());
    first = false;
    TRY_VOID(write_pieces(cache, pieces, order, copies));
  }
  return {};
}

Outcome<void> Volume::write_batch(const Batch& batch) {
  for (const ClusterRun& run : batch.cleared) TRY_VOID(write_zeroes(run));
  if (!batch.cleared.empty() || batch.zeroed) TRY_VOID(io_.flush());
  // A cluster is marked in use before the table leads to it.
  TRY_VOID(write_ordered(bitmap_cache_, batch.bitmap, {}, Copies::kOne));
  if (!batch.bitmap.blocks.empty() && !batch.table.blocks.empty()) TRY_VOID(io_.flush());
  TRY_VOID(write_ordered(table_cache_, batch.table, batch.table_order, Copies::kAllTables));
  if (!batch.bitmap.blocks.empty() || !batch.table.blocks.empty() || batch.data)
    TRY_VOID(io_.flush());
  TRY_VOID(write_ordered(blocks_, batch.blocks, batch.block_order, Copies::kOne));
  if (!batch.blocks.blocks.empty()) TRY_VOID(io_.flush());
  return {};
}

void Volume::forget_blocks(const std::vector<ClusterRun>& runs) {
  const std::uint64_t per_cluster = geometry_.cluster_size / geometry_.block_size;
  for (const ClusterRun& run : runs) {
    const std::uint64_t first = geometry_.block_of(geometry_.cluster_offset(run.start));
    for (std::uint64_t i = 0; i < run.count * per_cluster; ++i) blocks_.forget(first + i);
  }
}

Outcome<void> Volume::forget_clusters(const ClusterRun& run) {
  if (is_exfat()) return bitmap_.set(run, ClusterBitmap::Use::kFree);
  for (std::uint32_t cluster = run.start; cluster < run.end(); ++cluster)
    TRY_VOID(table_.set(cluster, {}));
  return {};
}

// The medium no longer refers to the clusters. A chain that stays gets its new end first and loses
// the rest with the next batch; otherwise it could lead into free clusters.
Outcome<void> Volume::erase(Release& release) {
  if (release.new_end != 0) {
    TRY_VOID(table_.set(release.new_end, {TableEntry::Kind::kEnd, 0}));
    release.new_end = 0;
    releases_.push_back(std::move(release));
    return {};
  }
  if (release.content == Content::kDirectory) forget_blocks(release.runs);
  for (const ClusterRun& run : release.runs) {
    TRY_VOID(forget_clusters(run));
    space_.erased(run);
  }
  return {};
}

// Under the lock, so that no write there begins meanwhile.
Outcome<void> Volume::clear_tails() {
  constexpr std::uint64_t kAtOnce = std::uint64_t{1} << 20;
  const auto is_due = [this](const Tail& tail) { return tail.batch < committed_batches_; };
  for (const Tail& tail : tails_) {
    for (std::uint64_t at = tail.offset; is_due(tail) && at < tail.end;) {
      const std::vector<std::byte> zeroes(std::min(kAtOnce, tail.end - at));
      TRY_VOID(io_.write(at, zeroes));
      at += zeroes.size();
      data_written_ = true;
    }
  }
  std::erase_if(tails_, is_due);
  return {};
}

Outcome<void> Volume::finish_batch(Batch& batch) {
  for (const ClusterRun& run : batch.erased) pending_clusters_ -= run.count;
  space_.reusable(batch.erased);
  for (Release& release : batch.releases) TRY_VOID(erase(release));
  ++committed_batches_;
  TRY_VOID(clear_tails());
  // The erased entries are written a little later, automatically if nothing else happens.
  background_.gathered(changed_bytes() + (data_written_ ? 1 : 0));
  return {};
}

Outcome<void> Volume::commit_batch() {
  Batch batch;
  {
    const std::scoped_lock lock(mutex_);
    background_.taken();
    TRY(batch, take_batch());
  }
  auto done = write_batch(batch);
  const std::scoped_lock lock(mutex_);
  bitmap_cache_.written(batch.bitmap);
  table_cache_.written(batch.table);
  blocks_.written(batch.blocks);
  return done ? finish_batch(batch) : done;
}

Outcome<void> Volume::commit() {
  if (!writable()) return {};
  ReaderToken::give();
  const std::scoped_lock committing(commit_mutex_);
  // The commit before this one may have failed, and its changes are lost.
  if (const int failure = failure_; failure != 0) return refuse(failure);
  auto done = commit_batch();
  if (!done) {
    failure_ = done.error().value;
    log(LogLevel::kError, "writing to the medium failed ({}); it is read-only from now on",
        std::error_code(done.error().value, std::system_category()).message());
  }
  return done;
}

std::size_t Volume::changed_bytes() const {
  std::size_t bytes = 0;
  for (const MetadataCache* cache : {&table_cache_, &bitmap_cache_, &blocks_})
    bytes += cache->changed_count() * cache->block_size();
  return bytes;
}

void Volume::end_operation() {
  // Called with the lock held, by Operation's destructor.
  background_.gathered(changed_bytes());
  bitmap_cache_.end_operation();
  table_cache_.end_operation();
  blocks_.end_operation();
}

}  // namespace airlock::fat
