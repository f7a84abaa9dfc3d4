// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "contained/runtime/outcome.h"

namespace airlock::ext {

// The part of i_block in the inode where a map starts.
inline constexpr std::size_t kMapRootSize = 60;
using MapRoot = std::span<std::byte, kMapRootSize>;

enum class MapUse { kData, kMap };

// A block of the map in memory. `checked` is false until checked() is called for it, and again
// after the cache has read it anew; blocks from fresh() count as checked.
struct MapBlock {
  std::span<std::byte> bytes;
  bool checked;
};

// A map's access to its volume. It lives as long as one operation on one inode: it accounts
// i_blocks of that inode, and the bytes of a block stay valid, at the same address and shared by
// all users of it, until the operation ends. Nothing here is called for the root.
class MapBlocks {
 public:
  MapBlocks() = default;
  MapBlocks(const MapBlocks&) = delete;
  MapBlocks& operator=(const MapBlocks&) = delete;
  virtual ~MapBlocks() = default;

  // Both give block_size bytes. fresh() is zero-filled and reads nothing.
  virtual Outcome<MapBlock> block(std::uint64_t physical) = 0;
  virtual Outcome<std::span<std::byte>> fresh(std::uint64_t physical) = 0;
  // The block passed every check of the map, its checksum included.
  virtual void checked(std::uint64_t physical) = 0;
  // The bytes of the block changed; their checksum is already up to date.
  virtual void changed(std::uint64_t physical) = 0;
  // A key in this block, 0 for the root, went up to the first entry left in the block below it,
  // which has to be on the medium first. There are this many levels below.
  virtual void raised_key(std::uint64_t /*physical*/, unsigned /*levels*/) {}
  // The key that leads to this block went down, and has to be on the medium before it.
  virtual void under_lowered_key(std::uint64_t /*physical*/, unsigned /*levels*/) {}
  // One block for the map itself, as near to the goal as possible.
  virtual Outcome<std::uint64_t> allocate(std::uint64_t goal) = 0;
  // These blocks are no longer in use; with kMap, their contents in the cache become void. Must
  // refuse (EUCLEAN) blocks that are not in use: a damaged map may hold one many times over, and
  // only this ends the walk through it.
  virtual Outcome<void> release(std::uint64_t physical, std::uint64_t count, MapUse use) = 0;
  // Inside the volume and not part of its fixed metadata; false for any overflow.
  virtual bool valid(std::uint64_t physical, std::uint64_t count) const = 0;
  // The map contradicts itself; `what` says how, for a person. The call in progress ends with
  // EUCLEAN.
  virtual void damaged(std::string_view what) = 0;
};

struct MapFormat {
  std::uint32_t block_size = 0;
  bool checksums = false;           // metadata_csum
  std::uint32_t inode_seed = 0;     // crc32c of volume seed, inode number and generation
  bool copies_halved = false;       // a node that gives entries away moves to another place
  std::uint64_t max_logical = ~0U;  // logical blocks are below this; the map may hold less
};

enum class RunState { kHole, kWritten, kUnwritten };

struct Run {
  std::uint64_t logical = 0;
  std::uint64_t physical = 0;  // 0 for a hole
  std::uint64_t count = 0;
  RunState state = RunState::kHole;
  friend bool operator==(const Run&, const Run&) = default;
};

// Which blocks of the volume hold which blocks of a file. Trusts nothing it reads: a map that
// contradicts itself is reported to MapBlocks::damaged and refused with EUCLEAN. The root in the
// inode is changed in place; the caller writes the inode after any call that could change it,
// including failed ones. Allocates only the blocks of the map, not data blocks.
class BlockMap {
 public:
  BlockMap() = default;
  BlockMap(const BlockMap&) = delete;
  BlockMap& operator=(const BlockMap&) = delete;
  virtual ~BlockMap() = default;

  // The run that starts exactly at `logical`, at most `most` blocks of it. The run of a hole may
  // end before the hole does; it is never empty unless `most` is 0.
  virtual Outcome<Run> find(std::uint64_t logical, std::uint64_t most) = 0;

  // Maps a range that is a hole (EEXIST otherwise). Maps all of it or, after an error, nothing.
  virtual Outcome<void> insert(const Run& run) = 0;

  // Makes the unwritten blocks of a range written and leaves its holes and written blocks alone.
  // After an error only a part of the range may be written.
  virtual Outcome<void> mark_written(std::uint64_t logical, std::uint64_t count) = 0;

  // Unmaps a range, releases its data and the map blocks that became empty. To truncate, pass any
  // large count. After an error it may be done in part, but consistently: blocks still mapped are
  // still in use.
  virtual Outcome<void> remove(std::uint64_t logical, std::uint64_t count) = 0;
};

}  // namespace airlock::ext
