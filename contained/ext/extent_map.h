// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>

#include "contained/ext/block_map.h"
#include "contained/ext/extent_node.h"

namespace airlock::ext {

// The map of ext4: a tree of extents, at most five levels of blocks below the inode. The format,
// the blocks and the root must outlive it.
class ExtentMap final : public BlockMap {
 public:
  ExtentMap(const MapFormat& format, MapBlocks& blocks, MapRoot root);

  // Writes the root of an empty map.
  static void initialize(MapRoot root);

  Outcome<Run> find(std::uint64_t logical, std::uint64_t most) override;
  Outcome<void> insert(const Run& run) override;
  Outcome<void> mark_written(std::uint64_t logical, std::uint64_t count) override;
  Outcome<void> remove(std::uint64_t logical, std::uint64_t count) override;

 private:
  // The fate of the data blocks of an unmapped range.
  enum class Data { kRelease, kKeep };

  // A node on the path from the root to a leaf, and the position of its entry on the path: the last
  // one not after the wanted block; in a leaf -1 if there is none.
  struct Level {
    ExtentNode node;
    std::uint64_t physical = 0;  // unused for the root
    int position = -1;
    std::uint64_t low = 0;  // the node may only describe [low, high)
    std::uint64_t high = 0;
  };
  struct Path {
    std::array<Level, kDeepestTree + 1> levels;
    std::size_t depth = 0;
    Level& leaf() { return levels[depth]; }
  };
  // Blocks for nodes, taken before any change, so that a full volume changes nothing.
  struct Reserve {
    struct Block {
      std::uint64_t physical = 0;
      std::span<std::byte> bytes;
    };
    std::array<Block, 2 * kDeepestTree + 1> blocks;
    std::size_t left = 0;
  };

  Outcome<void> damage(std::uint64_t physical, std::string_view what);
  Outcome<Path> walk(std::uint64_t logical);
  Outcome<Level> open_root();
  Outcome<Level> open_child(const Level& parent);
  // Call after a change: updates the checksum of the node, and the keys above it if its first entry
  // changed.
  void touch(const Path& path, std::size_t level);
  void correct_keys(Path& path, std::size_t level);

  Outcome<void> insert_extent(const Extent& added);
  bool join_neighbours(Path& path, const Extent& added);
  Outcome<Reserve> reserve(const Path& path, std::uint64_t goal);
  Outcome<void> fill_reserve(Reserve& reserve, const Path& path, std::uint64_t goal);
  Outcome<void> reserve_block(Reserve& reserve, const Path& path, std::uint64_t goal);
  void put_entry(Path& path, int position, const Extent& added, Reserve& reserve);
  void copy_node(Path& path, std::size_t level, Reserve& reserve);
  void grow(Path& path, Reserve& reserve);
  Outcome<void> split_extent(std::uint64_t at);
  void merge_around(ExtentNode& leaf, int position);

  Outcome<std::uint64_t> mark_extent(Path& path, std::uint64_t cursor, std::uint64_t end);
  static bool lend_to_left(ExtentNode& leaf, int position, std::uint32_t count);

  Outcome<void> detach(std::uint64_t logical, std::uint64_t end, Data data);
  Outcome<std::uint64_t> detach_in_leaf(Path& path, std::uint64_t cursor, std::uint64_t end,
                                        Data data);
  Outcome<void> release_data(std::uint64_t physical, std::uint64_t count, Data data);
  Outcome<void> drop_empty(Path& path);
  Outcome<void> collapse();

  const MapFormat& format_;
  MapBlocks& blocks_;
  MapRoot root_;
};

}  // namespace airlock::ext
