// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "contained/ext/libext2fs.h"
#include "contained/runtime/metadata_cache.h"
#include "contained/runtime/outcome.h"

namespace airlock::ext {

struct BlockRange {
  std::uint64_t start = 0;
  std::uint64_t count = 0;
  [[nodiscard]] std::uint64_t end() const { return start + count; }
};

// Hands out blocks and inodes of a volume and takes them back. Bitmaps are read group by group
// when they are first needed, so a large volume costs nothing to mount. Blocks that were given
// back stay untouched until the change that freed them has been committed: until then an older
// state of the medium still refers to them. The same goes for inodes on a volume without a journal:
// a new name may be there before its inode, and must not lead to the file that was. Guarded by the
// volume's lock.
class Allocator {
 public:
  using FreedBlocks = std::map<std::uint64_t, std::uint64_t>;  // start → count
  struct Freed {
    FreedBlocks blocks;
    std::vector<std::uint32_t> inodes;
    [[nodiscard]] bool empty() const { return blocks.empty() && inodes.empty(); }
  };

  // Both must outlive the allocator. The group descriptors in fs are the ones it keeps up to date.
  Allocator(ext2_filsys fs, MetadataCache& cache);

  // Why nothing of this may be changed; empty if it may. Two things in one block would change each
  // other.
  [[nodiscard]] const std::string& contradiction() const { return contradiction_; }
  // Blocks that belong to the volume though no descriptor says so, like those of its journal.
  void protect(std::span<const BlockRange> ranges);

  // Between 1 and `want` consecutive blocks, near the goal if possible, set aside in memory only:
  // a commit before use() leaves them free on the medium. ENOSPC when nothing is free; pending()
  // then says whether a commit would help.
  Outcome<BlockRange> reserve_blocks(std::uint64_t goal, std::uint64_t want);
  // What was reserved is now referred to, or after an error free again; or is not needed after all.
  Outcome<void> use_reserved(BlockRange range);
  void cancel_reserved(BlockRange range);
  // EUCLEAN for blocks that are not in use.
  Outcome<void> free_blocks(BlockRange range);

  enum class Kind { kFile, kDirectory };
  // The lowest free inode of the group or of one after it; ENOSPC as above.
  Outcome<std::uint32_t> allocate_inode(std::uint32_t group, Kind kind);
  Outcome<void> free_inode(std::uint32_t number, Kind kind);

  // Whether the whole range may hold file data or maps: inside the volume and outside of its
  // superblocks, descriptors, bitmaps and inode tables.
  [[nodiscard]] bool may_hold_data(BlockRange range) const;

  [[nodiscard]] std::uint64_t free_block_count() const { return free_blocks_; }
  // Those of them that need no commit first.
  [[nodiscard]] std::uint64_t available_block_count() const;
  [[nodiscard]] std::uint32_t free_inode_count() const { return free_inodes_; }
  [[nodiscard]] bool pending() const { return !freed_.empty(); }
  [[nodiscard]] std::uint64_t goal_for_group(std::uint32_t group) const;

  // Brings checksums and descriptors up to date in the cache.
  Outcome<void> prepare_commit();
  // The superblock's counters, for whoever is about to write it.
  void store_counts();
  // What was freed so far becomes reusable once it is given back: when what freed it is durable.
  // Several such sets may be under way.
  Freed take_freed();
  void reuse(const Freed& freed);

  // Free ranges of a group, for discarding them; pending blocks are left out.
  Outcome<std::vector<BlockRange>> free_ranges(std::uint32_t group, std::uint64_t minimum);

 private:
  struct Group {
    bool descriptor_changed = false;
    bool blocks_changed = false;
    bool inodes_changed = false;
    // Its descriptor says that something is free, and its bitmap that nothing is.
    bool no_free_block = false;
    bool no_free_inode = false;
    bool has_wrong_inodes = false;  // its bitmap calls some free that are in use
  };

  [[nodiscard]] std::uint32_t group_of(std::uint64_t block) const;
  [[nodiscard]] std::uint64_t first_block(std::uint32_t group) const;
  [[nodiscard]] std::uint32_t blocks_in(std::uint32_t group) const;
  void collect_fixed_ranges();
  void find_contradictions();
  [[nodiscard]] std::span<const BlockRange> fixed_in(std::uint32_t group) const;
  Outcome<void> check_block_bitmap(std::uint32_t group, std::span<const std::byte> bits) const;
  void count_free();

  Outcome<std::span<std::byte>> block_bitmap(std::uint32_t group);
  Outcome<std::span<std::byte>> inode_bitmap(std::uint32_t group);
  Outcome<void> start_block_bitmap(std::uint32_t group);
  Outcome<void> start_inode_bitmap(std::uint32_t group);

  // The longest free run of the group, or the first one of `want` blocks from bit `from` on.
  Outcome<BlockRange> find_run(std::uint32_t group, std::uint32_t from, std::uint64_t want);
  [[nodiscard]] BlockRange skip_pending(BlockRange range) const;
  enum class Use { kFree, kTaken };
  Outcome<void> mark(BlockRange range, Use use);
  [[nodiscard]] std::uint32_t free_inode_in(std::uint32_t group, std::span<const std::byte> bits,
                                            std::uint32_t from) const;
  Outcome<bool> is_in_use(std::uint32_t group, std::uint32_t index);
  Outcome<void> take_inode(std::uint32_t group, std::uint32_t index, Kind kind);
  Outcome<void> clear_unused_inodes(std::uint32_t group, std::uint32_t from, std::uint32_t to);
  Outcome<void> store_descriptors(std::uint32_t group);

  ext2_filsys fs_;
  MetadataCache& cache_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> changed_groups_;
  std::vector<BlockRange> fixed_;  // ascending, merged
  std::string contradiction_;
  FreedBlocks reserved_;                           // set aside, free on the medium
  Freed freed_;                                    // since the last take_freed()
  FreedBlocks committing_;                         // taken, not reusable yet
  std::unordered_set<std::uint32_t> held_inodes_;  // free, not reusable yet
  std::unordered_set<std::uint32_t> new_inodes_;   // taken since the last take_freed()
  std::uint64_t free_blocks_ = 0;
  std::uint32_t free_inodes_ = 0;
  std::uint64_t cursor_ = 0;  // where the last allocation ended
  bool has_checksums_ = false;
  bool has_group_checksums_ = false;
  bool holds_inodes_ = false;

  void changed(std::uint32_t group);
};

}  // namespace airlock::ext
