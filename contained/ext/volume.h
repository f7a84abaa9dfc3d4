// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "contained/ext/allocator.h"
#include "contained/ext/block_map.h"
#include "contained/ext/directory.h"
#include "contained/ext/ext_io.h"
#include "contained/ext/fitness.h"
#include "contained/ext/inode.h"
#include "contained/ext/journal.h"
#include "contained/ext/mmp.h"
#include "contained/ext/unlinked_files.h"
#include "contained/ext/write_order.h"
#include "contained/runtime/background_commit.h"
#include "contained/runtime/metadata_cache.h"
#include "contained/runtime/turns.h"

namespace airlock::ext {

// One opened ext2, ext3 or ext4 volume below the level of files: inodes, blocks, and the promise
// that a set of changes reaches the medium as a whole. Everything but open(), commit(), close()
// and the constants needs an Operation, which holds the volume's lock.
class Volume {
 public:
  // Waits, for Mmp::longest_wait() at most, if the volume has multiple mount protection and is to
  // be written: kBusy if another computer writes it, else it is claimed until close().
  static Result<std::unique_ptr<Volume>> open(BlockIo& io, MountMode wanted);
  ~Volume();
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  // Why the volume is read-only although read-write was wanted; empty otherwise.
  [[nodiscard]] const std::string& read_only_reason() const { return fitness_.reason; }
  [[nodiscard]] bool writable() const { return fitness_.mode == MountMode::kReadWrite; }
  [[nodiscard]] BlockIo& io() { return io_; }
  [[nodiscard]] std::uint32_t block_size() const { return fs_->blocksize; }
  [[nodiscard]] std::uint64_t block_count() const { return ext2fs_blocks_count(fs_->super); }
  [[nodiscard]] const ext2_super_block& superblock() const { return *fs_->super; }
  [[nodiscard]] std::uint32_t checksum_seed() const { return fs_->csum_seed; }
  [[nodiscard]] const DirectoryFormat& directory_format() const { return directory_format_; }
  [[nodiscard]] bool has_checksums() const { return directory_format_.checksums; }
  [[nodiscard]] bool has_extents() const;
  [[nodiscard]] bool has_inline_data() const;
  [[nodiscard]] std::uint32_t inode_size() const { return EXT2_INODE_SIZE(fs_->super); }
  [[nodiscard]] std::uint32_t group_count() const { return fs_->group_desc_count; }
  [[nodiscard]] std::uint32_t group_of_inode(std::uint32_t number) const {
    return (number - 1) / fs_->super->s_inodes_per_group;
  }

  // Whether a set of changes arrives at once. Without a journal it arrives in an order: see
  // name_order() and what follows it.
  [[nodiscard]] bool has_journal() const { return journal_.has_value(); }

  // Called after a commit with the unlinked files whose names are gone from the medium. Without the
  // volume's lock; not during or after a call that takes it back with an empty function.
  using NamesGone = std::function<void(std::span<const std::uint32_t>)>;
  void when_names_are_gone(NamesGone call);

  // Has the volume marked as in use, in the background: on the medium before any other change is,
  // and soon, but nobody waits for it. Once, for a writable volume, before the first change.
  void begin_writing();

  // Everything changed so far is on the medium when it returns.
  Outcome<void> commit();
  // Commits and marks the volume clean. Changes that come later are refused.
  Outcome<void> close();

  // Holds the volume's lock and keeps the memory of blocks and inodes valid.
  class Operation {
   public:
    explicit Operation(Volume& volume) : volume_(volume), lock_(volume.turns_.take()) {}
    ~Operation() { volume_.end_operation(); }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    // Lets others have the lock, for one that walks far and has not changed anything yet. The
    // memory it was given is void then. EINTR if nobody waits for its answer any more.
    Outcome<void> pause();
    // How often it did.
    [[nodiscard]] unsigned pauses() const { return pauses_; }

   private:
    Volume& volume_;
    std::unique_lock<std::mutex> lock_;
    unsigned pauses_ = 0;
  };

  // EROFS on a read-only or closing volume or after a failed write; waits for nothing.
  Outcome<void> require_writable() const;
  // What ended all writing, if anything did.
  Outcome<void> require_intact() const;

  MetadataCache& cache() { return cache_; }
  Allocator& allocator() { return *allocator_; }

  UnlinkedFiles& unlinked() { return unlinked_; }
  NameOrder& name_order() { return name_order_; }
  // What refers to data that was written, or to names, comes after it.
  void note_new_data() { refers_to_data_ = true; }
  void note_new_name() { has_new_names_ = true; }
  // What has changed so far is a batch of its own: on the medium before anything that changes from
  // here on. Costs a copy of it and, with the next commit, some flushes.
  Outcome<void> seal_batch();
  // So many are waiting that memory asks for a commit. Needs no lock.
  [[nodiscard]] bool many_sealed() const { return sealed_blocks_ * block_size() > kMostSealed; }
  // Whether a commit would bring space.
  [[nodiscard]] bool space_pending() const;

  // Has a block that was just freed zeroed once nothing on the medium refers to it any more.
  void zero_when_free(std::uint64_t block) { to_zero_.push_back(block); }

  // EUCLEAN for numbers no file can have and for inodes whose checksum is wrong.
  Outcome<Inode> inode(std::uint32_t number);
  // A zeroed inode with its extra fields set up, not yet written.
  Outcome<Inode> fresh_inode(std::uint32_t number);
  void inode_changed(const Inode& inode);
  [[nodiscard]] std::uint64_t block_of_inode(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t inode_seed(const Inode& inode) const;

  // The chain of inodes that are to be deleted when the volume is next opened.
  Outcome<void> add_orphan(const Inode& inode);
  Outcome<void> remove_orphan(const Inode& inode);
  [[nodiscard]] std::uint32_t first_orphan() const { return fs_->super->s_last_orphan; }

  [[nodiscard]] std::string label() const;
  // EINVAL for one that is too long.
  Outcome<void> set_label(std::string_view label);

  // Features that say what a change made necessary to know.
  void require_feature_large_file();
  void require_feature_attributes();

  [[nodiscard]] std::uint64_t overhead_blocks() const;

 private:
  static constexpr std::size_t kMostSealed = std::size_t{8} << 20;

  Volume(BlockIo& io, FilesystemHandle&& fs, Fitness&& fitness);
  Result<void> open_journal();
  Outcome<void> mark_in_use();
  Outcome<void> mark_clean();
  void lose_claim();
  void stamp_superblock();
  Outcome<void> store_superblock();

  void end_operation();
  Outcome<Batch> take_batch();
  Outcome<std::vector<Batch>> take_batches();
  Outcome<void> write_batch(const Batch& batch);
  void tell_whose_names_are_gone();
  Outcome<void> write_home(const MetadataCache::Changes& changes);
  Outcome<void> zero_blocks(const std::vector<std::uint64_t>& blocks);
  Outcome<void> commit_changes();
  Outcome<void> write_back();
  [[nodiscard]] bool nothing_changed() const;
  Outcome<void> log_changes(const MetadataCache::Changes& changes);

  BlockIo& io_;
  FilesystemHandle fs_;
  Fitness fitness_;
  DirectoryFormat directory_format_;
  MetadataCache cache_;
  std::unique_ptr<Allocator> allocator_;
  std::optional<Journal> journal_;

  std::mutex mutex_;  // cache, allocator, fs
  Turns turns_{mutex_};
  std::mutex commit_mutex_;  // one commit at a time; taken before mutex_
  bool superblock_changed_ = false;
  std::vector<std::uint64_t> to_zero_;
  std::vector<Batch> sealed_;  // oldest first
  std::atomic<std::size_t> sealed_blocks_ = 0;
  bool refers_to_data_ = false;
  bool has_new_names_ = false;
  NameOrder name_order_;
  UnlinkedFiles unlinked_;
  NamesGone names_gone_;                  // under commit_mutex_
  std::optional<ext2_super_block> mark_;  // in use, and not yet on the medium; under commit_mutex_
  std::atomic<int> failure_ = 0;
  bool closing_ = false;
  // Put into the chain since the beginning, in front of what was there, which may go in circles.
  std::uint32_t own_orphans_ = 0;

  std::unique_ptr<Mmp>
      protection_;  // empty without one; before background_, whose writes it covers
  BackgroundCommit background_{mutex_};  // last: its thread uses the rest
};

}  // namespace airlock::ext
