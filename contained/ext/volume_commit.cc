// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "contained/ext/volume.h"
#include "contained/runtime/gather_writer.h"
#include "contained/runtime/reader_token.h"
#include "lib/base/log.h"

// How changes reach the medium. See journal.md for why the order below survives a crash at any
// point, and write_order.md for volumes without a journal.
namespace airlock::ext {

Outcome<void> Volume::write_home(const MetadataCache::Changes& changes) {
  GatherWriter writer(io_, block_size());
  for (const bool fresh : {true, false}) {
    for (const auto& snapshot : changes.blocks) {
      if (snapshot.fresh == fresh) TRY_VOID(writer.add(snapshot.block, snapshot.data));
    }
    TRY_VOID(writer.finish());
  }
  return {};
}

Outcome<void> Volume::zero_blocks(const std::vector<std::uint64_t>& blocks) {
  const std::vector<std::byte> zeroes(blocks.empty() ? 0 : block_size());
  for (const std::uint64_t block : blocks) TRY_VOID(io_.write(block * block_size(), zeroes));
  return {};
}

Outcome<void> Volume::log_changes(const MetadataCache::Changes& changes) {
  if (!journal_) return {};
  std::vector<JournalBlock> blocks;
  blocks.reserve(changes.blocks.size());
  for (const auto& snapshot : changes.blocks)
    blocks.push_back({.block = snapshot.block, .data = snapshot.data});
  auto logged = journal_->commit(blocks);
  if (logged || logged.error().value != E2BIG) return logged;
  // More than the whole journal holds. The journal is empty now, so writing home is merely not
  // atomic.
  log(LogLevel::kWarning, "{} changed blocks do not fit into the journal", blocks.size());
  return {};
}

// With mutex_ held.
bool Volume::nothing_changed() const {
  return cache_.changed_count() == 0 && !superblock_changed_ && !allocator_->pending() &&
         sealed_.empty();
}

Outcome<Batch> Volume::take_batch() {
  TRY_VOID(allocator_->prepare_commit());
  if (superblock_changed_) TRY_VOID(store_superblock());
  name_order_.clear();
  return Batch{.changes = cache_.take_changed(),
               .freed = allocator_->take_freed(),
               .to_zero = std::exchange(to_zero_, {}),
               .refers_to_data = std::exchange(refers_to_data_, false),
               .has_new_names = std::exchange(has_new_names_, false)};
}

Outcome<void> Volume::seal_batch() {
  if (journal_) return {};
  TRY(Batch batch, take_batch());
  sealed_blocks_ += batch.changes.blocks.size();
  sealed_.push_back(std::move(batch));
  return {};
}

Outcome<std::vector<Batch>> Volume::take_batches() {
  TRY(Batch last, take_batch());
  std::vector<Batch> batches = std::exchange(sealed_, {});
  sealed_blocks_ = 0;
  batches.push_back(std::move(last));
  unlinked_.names_leave();
  return batches;
}

Outcome<void> Volume::write_batch(const Batch& batch) {
  if (journal_) {
    // Durable once it is in the journal; the homes become durable before the journal is reused.
    TRY_VOID(log_changes(batch.changes));
    TRY_VOID(write_home(batch.changes));
  } else {
    TRY_VOID(write_in_order(io_, block_size(), batch));
  }
  return zero_blocks(batch.to_zero);
}

Outcome<void> Volume::commit_changes() {
  std::vector<Batch> batches;
  {
    const std::scoped_lock lock(mutex_);
    background_.taken();
    if (nothing_changed()) return io_.flush();
    TRY(batches, take_batches());
  }
  Outcome<void> done;
  for (const Batch& batch : batches)
    if (done) done = write_batch(batch);
  const std::scoped_lock lock(mutex_);
  for (const Batch& batch : batches) {
    cache_.written(batch.changes);
    if (done) allocator_->reuse(batch.freed);
  }
  return done;
}

// With commit_mutex_ held.
void Volume::tell_whose_names_are_gone() {
  std::vector<std::uint32_t> inodes;
  {
    const std::scoped_lock lock(mutex_);
    inodes = unlinked_.names_gone();
  }
  if (names_gone_ && !inodes.empty()) names_gone_(inodes);
}

void Volume::when_names_are_gone(NamesGone call) {
  const std::scoped_lock committing(commit_mutex_);
  names_gone_ = std::move(call);
}

bool Volume::space_pending() const {
  const bool freed = std::ranges::any_of(sealed_, [](const Batch& b) { return !b.freed.empty(); });
  return freed || allocator_->pending() || unlinked_.pending().files > 0;
}

Outcome<void> Volume::commit() {
  if (!writable()) return {};
  if (const int failure = failure_; failure != 0) return refuse(failure);
  ReaderToken::give();
  const std::scoped_lock committing(commit_mutex_);
  // The commit before this one may have failed, and its changes are lost.
  if (const int failure = failure_; failure != 0) return refuse(failure);
  auto done = mark_in_use();
  if (done) done = commit_changes();
  if (done) tell_whose_names_are_gone();
  if (!done) {
    failure_ = done.error().value;
    log(LogLevel::kError, "writing to the medium failed ({}); it is read-only from now on",
        std::error_code(done.error().value, std::system_category()).message());
  }
  return done;
}

// In the thread of background_. A requested commit may have been faster.
Outcome<void> Volume::write_back() {
  {
    const std::scoped_lock both(commit_mutex_, mutex_);
    background_.taken();
    if (!mark_ && nothing_changed()) return {};
  }
  return commit();
}

Outcome<void> Volume::close() {
  if (!writable()) return {};
  {
    // A request that the medium held up may return during the last commit. Its changes would be
    // missing in that commit and have no checksums, on a medium that is marked clean.
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  background_.stop();
  TRY_VOID(commit());
  TRY_VOID(mark_clean());
  fitness_.mode = MountMode::kReadOnly;
  // Last of all: another computer may start to write when it sees this.
  return protection_ ? protection_->release() : Outcome<void>{};
}

Outcome<void> Volume::mark_clean() {
  const std::scoped_lock committing(commit_mutex_);
  if (journal_) TRY_VOID(journal_->clean());
  MetadataCache::Changes changes;
  {
    const std::scoped_lock lock(mutex_);
    fs_->super->s_state |= EXT2_VALID_FS;
    ext2fs_clear_feature_journal_needs_recovery(fs_->super);
    TRY_VOID(store_superblock());
    changes = cache_.take_changed();
  }
  TRY_VOID(write_home(changes));
  return io_.flush();
}

// In the thread of protection_.
void Volume::lose_claim() {
  failure_ = EIO;
  log(LogLevel::kError, "somebody else may be writing the volume; it is read-only from now on");
}

void Volume::end_operation() {
  // Called with the lock held, by Operation's destructor.
  background_.gathered((cache_.changed_count() + sealed_blocks_) * block_size());
  cache_.end_operation();
}

}  // namespace airlock::ext
