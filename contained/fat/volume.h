// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "contained/fat/cluster_bitmap.h"
#include "contained/fat/cluster_chain.h"
#include "contained/fat/cluster_table.h"
#include "contained/fat/file_info.h"
#include "contained/fat/free_space.h"
#include "contained/fat/geometry.h"
#include "contained/fat/space_counter.h"
#include "contained/fat/write_order.h"
#include "contained/runtime/background_commit.h"
#include "contained/runtime/metadata_cache.h"
#include "contained/runtime/turns.h"

namespace airlock::fat {

enum class MountMode {
  kReadOnly,
  kReadWrite,
  kChecked,  // read-write, even if it was not unmounted: a checker has found it consistent since
};

// The error of an operation that is only possible once the changes so far are on the medium: it
// changed nothing; commit() and try again. Never leaves the driver.
inline constexpr int kCommitFirst = ERESTART;
// The error of an operation that did a part of something long, and remembers it: give others the
// lock first, then call it again.
inline constexpr int kAnotherTurn = EINPROGRESS;

// One opened FAT or exFAT volume below the level of files: which clusters are in use and follow
// each other, the blocks of directories, and the order in which changes reach the medium
// (README.md). Except for open(), commit(), close() and the constants, every call needs an
// Operation, which holds the volume's lock.
class Volume {
 public:
  // Opens FAT; open_exfat() opens exFAT.
  static Result<std::unique_ptr<Volume>> open(BlockIo& io, MountMode wanted);

  // Facts about a volume besides its geometry.
  struct Known {
    std::string reason;  // for being read-only; empty if it may be written
    std::optional<std::uint32_t> free;
    std::uint32_t hint = kFirstCluster;
    std::vector<ClusterRun> bitmap;  // where it is; exFAT only
    bool unclean = false;            // it has the mark of a volume in use
  };
  static std::unique_ptr<Volume> make(BlockIo& io, const Geometry& geometry, MountMode wanted,
                                      Known known);
  ~Volume();
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  // Why the volume is read-only although read-write was requested; empty otherwise.
  [[nodiscard]] const std::string& read_only_reason() const { return reason_; }
  [[nodiscard]] bool writable() const { return mode_ == MountMode::kReadWrite; }
  // It had the mark of a volume in use when it was opened, or has it now.
  [[nodiscard]] bool was_unclean() const { return in_use_; }
  [[nodiscard]] const Geometry& geometry() const { return geometry_; }
  [[nodiscard]] bool is_wide() const { return geometry_.kind == FatKind::k32; }
  [[nodiscard]] bool is_exfat() const { return geometry_.kind == FatKind::kExfat; }
  // The program that finds and repairs faults in the volume.
  [[nodiscard]] const char* checker() const { return is_exfat() ? "fsck.exfat" : "fsck.fat"; }

  // Starts writing in the background. Call once, for a writable volume. The medium is first written
  // when something changes.
  void begin_writing();

  // All changes so far are on the medium when it returns.
  Outcome<void> commit();
  // Commits and marks the volume clean. Later changes are refused.
  Outcome<void> close();

  // Holds the volume's lock and keeps the memory of blocks valid.
  class Operation {
   public:
    explicit Operation(Volume& volume) : volume_(volume), lock_(volume.turns_.take()) {}
    ~Operation() { volume_.end_operation(); }
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   private:
    Volume& volume_;
    std::unique_lock<std::mutex> lock_;
  };

  // Call after kAnotherTurn, without an Operation.
  Outcome<void> let_others_go() { return turns_.let_others_go(); }

  // Call before the first change of an operation: EROFS on a read-only or closing volume or after a
  // failed write; marks the medium as in use.
  Outcome<void> begin_change();

  ClusterTable& table() { return table_; }
  // exFAT only.
  ClusterBitmap& bitmap() { return bitmap_; }
  FreeSpace& space() { return space_; }
  // The blocks of directories, numbered as the geometry says.
  MetadataCache& blocks() { return blocks_; }
  // The number of blocks from this one on that belong together.
  [[nodiscard]] std::uint32_t blocks_together(std::uint64_t block) const;
  // The record of a directory at a valid place, in the memory of its block.
  Outcome<std::span<std::byte>> record(std::uint64_t position);
  void record_changed(std::uint64_t position) { blocks_.changed(geometry_.block_of(position)); }

  // Sectors of directories, as WriteOrder counts them.
  [[nodiscard]] std::uint64_t sector_of(std::uint64_t position) const {
    return (position - geometry_.block_origin) / WriteOrder::kSectorSize;
  }
  // One sector or point has to reach the medium before another; kCommitFirst if not now.
  Outcome<void> require_order(std::uint64_t before, std::uint64_t after);
  // The same for a whole cluster before a sector.
  Outcome<void> require_cluster_first(std::uint32_t cluster, std::uint64_t after);
  [[nodiscard]] std::uint64_t new_point() { return block_order_.new_point(); }

  // A sector and the next one have to be written together; kCommitFirst if not now.
  Outcome<void> require_together(std::uint64_t sector);

  // The chain of a file without clusters.
  [[nodiscard]] ClusterChain empty_chain() const;
  // Adds reserved clusters at the end of a complete chain: all runs or, with kCommitFirst, none.
  // Their own entries reach the medium first. On exFAT they are marked in the bitmap too, and stay
  // out of the table as long as all clusters are consecutive.
  Outcome<void> append(ClusterChain& chain, std::span<const ClusterRun> runs);
  // Zeroes clusters that become part of a directory. With kReachable the table on the medium leads
  // to them, so the zeroes are written before it.
  enum class Reach { kReachable, kNotYet };
  Outcome<void> clear_directory_clusters(const ClusterRun& run, Reach reach);
  // The same for exFAT, with its large clusters: written at once, and before all else.
  Outcome<void> write_directory_zeroes(const ClusterRun& run);

  // Clusters without any reference once this batch is on the medium. With `new_end` the chain stays
  // and ends there.
  enum class Content { kData, kDirectory };
  void release(std::vector<ClusterRun> runs, std::uint32_t new_end, Content content);
  // Changes made now belong to this batch; all below committed_batches() are on the medium.
  [[nodiscard]] std::uint64_t batch() const { return batch_; }
  [[nodiscard]] std::uint64_t committed_batches() const { return committed_batches_; }
  // The number of free clusters. If it is unknown it is counted in the background, and until the
  // end of that the uncounted rest is taken for free. Without an Operation.
  std::uint32_t free_clusters();
  // Reads a part of the free-cluster map into the medium's cache, from a segment on; returns the
  // first segment not reached. Without an Operation.
  Outcome<std::uint32_t> read_map_ahead(std::uint32_t segment);
  // Whether a commit may free clusters.
  [[nodiscard]] bool space_pending() const { return pending_clusters_ > 0; }

  // File data, outside the lock. A commit makes it durable before any reference to it.
  Outcome<void> read_data(std::uint64_t offset, std::span<std::byte> into) {
    return io_.read(offset, into);
  }
  // Also writes `behind` zeroes after it.
  Outcome<void> write_data(std::uint64_t offset, std::span<const std::byte> from,
                           std::size_t behind = 0);
  // The rest of the cluster behind a place in it, as far as it is in the same page of the medium's
  // cache, which would read that page before a part of it is written.
  [[nodiscard]] std::size_t rest_of_page(std::uint64_t offset) const;
  Outcome<void> discard(const ClusterRun& run);

  // The part of its last cluster that a shortened file lost: becomes zeroes once the medium has the
  // new size. Does not clear what is written there before that.
  void clear_later(std::uint64_t offset, std::uint64_t end);
  void keep_from_clearing(std::uint64_t offset, std::uint64_t end);

 private:
  struct Tail {
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    std::uint64_t batch = 0;
  };
  struct Release {
    std::vector<ClusterRun> runs;
    std::uint32_t new_end = 0;
    Content content = Content::kData;
  };
  // A snapshot of everything that one commit writes.
  struct Batch {
    MetadataCache::Changes bitmap;
    MetadataCache::Changes table;
    MetadataCache::Changes blocks;
    WriteOrder table_order;
    WriteOrder block_order;
    std::vector<ClusterRun> cleared;  // to be zero on the medium before the table
    std::vector<Release> releases;
    std::vector<ClusterRun> erased;
    bool zeroed = false;  // clusters of directories were zeroed
    bool data = false;
  };

  Volume(BlockIo& io, const Geometry& geometry, Known known);
  struct State {
    std::string reason;  // for being read-only; empty if it may be written
    bool unclean = false;
  };
  Outcome<State> find_state(MountMode wanted);
  Outcome<void> mark_medium(bool clean);
  Outcome<void> write_state_byte(bool clean);
  Outcome<void> write_exfat_state(bool clean);
  Outcome<std::uint8_t> percent_in_use();
  Outcome<void> write_info();

  Outcome<void> order_link(ClusterChain& chain, const ClusterRun& run);
  Outcome<void> link(ClusterChain& chain, const ClusterRun& run);

  Outcome<Batch> take_batch();
  Outcome<void> write_batch(const Batch& batch);
  Outcome<void> write_zeroes(const ClusterRun& run);
  enum class Copies { kAllTables, kOne };
  Outcome<void> write_ordered(const MetadataCache& cache, const MetadataCache::Changes& changes,
                              const WriteOrder& order, Copies copies);
  // Consecutive sectors.
  struct Piece {
    std::uint64_t sector;
    std::span<const std::byte> data;
  };
  using Pieces = std::vector<Piece>;
  static std::vector<Pieces> pieces_of(const MetadataCache::Changes& changes,
                                       std::uint32_t block_size, const WriteOrder& order);
  Outcome<void> write_pieces(const MetadataCache& cache, const Pieces& pieces,
                             const WriteOrder& order, Copies copies);
  Outcome<void> finish_batch(Batch& batch);
  Outcome<void> clear_tails();
  Outcome<void> forget_clusters(const ClusterRun& run);
  Outcome<void> erase(Release& release);
  Outcome<void> commit_batch();
  void forget_blocks(const std::vector<ClusterRun>& runs);

  [[nodiscard]] std::size_t changed_bytes() const;
  void end_operation();

  BlockIo& io_;
  Geometry geometry_;
  MountMode mode_ = MountMode::kReadWrite;
  std::string reason_;
  MetadataCache table_cache_;
  MetadataCache bitmap_cache_;
  MetadataCache blocks_;
  ClusterTable table_;
  ClusterBitmap bitmap_;
  FreeSpace space_;

  std::mutex mutex_;  // all of the above and below that is not atomic
  Turns turns_{mutex_};
  std::mutex commit_mutex_;  // one commit at a time; taken before mutex_
  WriteOrder table_order_;
  WriteOrder block_order_;
  std::vector<ClusterRun> cleared_;
  std::vector<Release> releases_;
  std::vector<Tail> tails_;
  std::atomic<std::uint64_t> pending_clusters_ = 0;
  std::uint64_t batch_ = 1;
  std::uint64_t committed_batches_ = 1;
  bool zeroed_ = false;
  bool in_use_ = false;  // the medium is marked
  std::atomic<bool> data_written_ = false;
  std::atomic<int> failure_ = 0;
  bool closing_ = false;

  // Last: their threads use the members above.
  BackgroundCommit background_{mutex_};
  SpaceCounter counter_{*this};  // its thread also uses background_
};

}  // namespace airlock::fat
