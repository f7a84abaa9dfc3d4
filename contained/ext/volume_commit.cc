// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "contained/ext/volume.h"
#include "contained/runtime/gather_writer.h"
#include "contained/runtime/lead.h"
#include "lib/base/log.h"

// How changes reach the medium. See journal.md for why the order below survives a crash at any
// point; without a journal (ext2) the order is the best there is: what is new first, so that
// nothing on the medium ever refers to a block that has not been written.
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
  // More than the whole journal holds. It has been emptied, so writing home is merely not atomic.
  log(LogLevel::kWarning, "{} changed blocks do not fit into the journal", blocks.size());
  return {};
}

// With mutex_ held.
bool Volume::nothing_changed() const {
  return cache_.changed_count() == 0 && !superblock_changed_ && !allocator_->blocks_pending();
}

Outcome<void> Volume::commit_changes() {
  MetadataCache::Changes changes;
  Allocator::FreedBlocks freed;
  std::vector<std::uint64_t> to_zero;
  {
    const std::scoped_lock lock(mutex_);
    background_.taken();
    if (nothing_changed()) return io_.flush();
    TRY_VOID(allocator_->prepare_commit());
    if (superblock_changed_) TRY_VOID(store_superblock());
    changes = cache_.take_changed();
    freed = allocator_->take_freed();
    to_zero = std::exchange(to_zero_, {});
  }
  auto done = log_changes(changes);
  if (done) done = write_home(changes);
  // With a journal the change is durable already; homes become so before the journal is reused.
  if (done && !journal_) done = io_.flush();
  if (done) done = zero_blocks(to_zero);
  const std::scoped_lock lock(mutex_);
  cache_.written(changes);
  if (done) allocator_->reuse(freed);
  return done;
}

Outcome<void> Volume::commit() {
  if (!writable()) return {};
  if (const int failure = failure_; failure != 0) return refuse(failure);
  Lead::give();
  const std::scoped_lock committing(commit_mutex_);
  // The commit this one waited for may have failed, and what it took is lost.
  if (const int failure = failure_; failure != 0) return refuse(failure);
  auto done = mark_in_use();
  if (done) done = commit_changes();
  if (!done) {
    failure_ = done.error().value;
    log(LogLevel::kError, "writing to the medium failed ({}); it is read-only from now on",
        std::error_code(done.error().value, std::system_category()).message());
  }
  return done;
}

// In the thread of background_. Somebody who asked for a commit may have been quicker.
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
  background_.stop();
  TRY_VOID(commit());
  TRY_VOID(mark_clean());
  fitness_.mode = MountMode::kReadOnly;
  // Last of all: whoever sees it may start to write.
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
  background_.gathered(cache_.changed_count() * block_size());
  cache_.end_operation();
}

}  // namespace airlock::ext
