// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "contained/ext/journal_format.h"
#include "contained/runtime/block_io.h"
#include "contained/runtime/outcome.h"

namespace airlock::ext {

// Consecutive blocks of the journal inode, in the order of the file.
struct JournalRun {
  std::uint64_t start = 0;
  std::uint32_t count = 0;
};

// The journal's description in the filesystem. All of it comes from the medium; open() checks it.
struct JournalGeometry {
  std::uint32_t block_size = 0;
  std::uint64_t filesystem_blocks = 0;
  std::vector<JournalRun> runs;
  std::array<std::uint8_t, 16> uuid = {};
  bool filesystem_checksums = false;  // the metadata_csum feature
  bool wants_64bit = false;           // the 64bit feature
};

// Writes sets of metadata blocks into the journal inside an ext3 or ext4 filesystem, so that after
// a crash and a replay by e2fsck or the kernel a set is there as a whole or not at all. At most one
// transaction is live; journal.md has the scheme and why no revoke records are needed. It does not
// replay, does not write blocks home, and does not touch the filesystem's superblock.
//
// The owner's part of the bargain:
//  - the filesystem's superblock carries the "needs recovery" flag, durably, before the first
//    commit() and until clean() has returned; also the superblock inside a transaction carries it;
//  - after commit() returned, and before the next commit() or clean(), all of its blocks are
//    written home (no flush needed);
//  - blocks freed by a transaction are left out of its set and are not reused before it is durable;
//  - one call at a time, and the data stays unchanged during it.
class Journal {
 public:
  // Reads and checks the journal's superblock; writes nothing. The medium must outlive the journal.
  static Result<Journal> open(BlockIo& medium, JournalGeometry geometry);

  // A crash left another system's transaction. Until it is replayed and the journal opened anew,
  // commit() and clean() are EUCLEAN.
  [[nodiscard]] bool needs_replay() const { return found_in_use_; }

  // The number of blocks that fit into one transaction at the usual price of two flushes.
  [[nodiscard]] std::uint32_t capacity() const;

  // The largest possible number. More than capacity() costs four flushes now and two with the next
  // one.
  [[nodiscard]] std::uint32_t largest_transaction() const;

  // The blocks are durable as one change when it returns. Without blocks it is a flush.
  //  EINVAL  a block lies outside the filesystem or its data is not one block
  //  E2BIG   more than largest_transaction(). The journal is clean() then, so that no older
  //          transaction can undo what the owner writes home without it.
  // Any other failure is final: whether the set is durable is unknown, and every later call fails
  // with the same errno, because both halves of the log may be needed for the replay.
  Outcome<void> commit(std::span<const JournalBlock> blocks);

  // Makes everything written so far durable, then leaves nothing to replay.
  Outcome<void> clean();

 private:
  // Log blocks first .. first + count - 1, counted from the start of the journal inode.
  struct Area {
    std::uint32_t first;
    std::uint32_t count;
    friend bool operator==(Area, Area) = default;
  };

  Journal(BlockIo& medium, JournalGeometry&& geometry, const JournalSuperblock& superblock);

  [[nodiscard]] std::uint64_t offset_of(std::uint64_t physical_block) const;
  [[nodiscard]] bool well_formed(std::span<const JournalBlock> blocks) const;
  Outcome<Area> choose_area(std::uint64_t log_blocks);
  Outcome<void> write_transaction(std::span<const JournalBlock> blocks);
  Outcome<void> write_log(std::uint32_t log_block, std::span<iovec> parts);
  Outcome<void> point_superblock_at(std::uint32_t start, std::uint32_t sequence);
  Outcome<void> make_clean();
  Outcome<void> final_if_failed(Outcome<void> outcome);

  BlockIo* medium_;
  JournalGeometry geometry_;
  JournalSuperblock superblock_;  // as on the medium, with the features of choose_features()
  TransactionFormat format_;
  Area low_, high_, whole_;
  std::uint32_t next_sequence_;
  std::optional<Area> live_;  // the transaction that a replay would find
  std::optional<Errno> failure_;
  bool found_in_use_;
};

}  // namespace airlock::ext
