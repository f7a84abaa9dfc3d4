// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "contained/ext/allocator.h"
#include "contained/ext/block_map.h"
#include "contained/ext/directory.h"
#include "contained/ext/extent_map.h"
#include "contained/ext/indirect_map.h"
#include "contained/ext/inode.h"
#include "contained/ext/volume.h"
#include "contained/ext/work.h"

namespace airlock::ext {

// The blocks of one inode during one operation: its map, over the volume's cache and allocator,
// with i_blocks kept right. Made under Volume::Operation and gone before it ends.
class InodeBlocks final : public MapBlocks {
 public:
  InodeBlocks(Volume& volume, const Inode& inode);

  [[nodiscard]] BlockMap& map() { return *map_; }
  [[nodiscard]] const Inode& inode() const { return inode_; }
  // Counts, and bounds, what a walk through this inode costs.
  static Work work_for(const Volume& volume, const Inode& inode);
  // How many blocks of the map were read as a whole, since it was asked last.
  [[nodiscard]] std::uint64_t take_visits();
  // Near what the file has already, or near its inode.
  [[nodiscard]] std::uint64_t goal();
  void set_goal(std::uint64_t goal) { goal_ = goal; }
  // Reserved blocks become this inode's, in use and counted; EFBIG if it cannot have that many.
  // After an error they are reserved no more.
  Outcome<void> take(BlockRange range);
  // Puts reserved blocks, which are taken for it, into the map. After an error they are free again.
  Outcome<void> adopt(const Run& run);

  Outcome<MapBlock> block(std::uint64_t physical) override;
  Outcome<std::span<std::byte>> fresh(std::uint64_t physical) override;
  void checked(std::uint64_t physical) override;
  void changed(std::uint64_t physical) override;
  void raised_key(std::uint64_t physical, unsigned levels) override;
  void under_lowered_key(std::uint64_t physical, unsigned levels) override;
  Outcome<std::uint64_t> allocate(std::uint64_t goal) override;
  Outcome<void> release(std::uint64_t physical, std::uint64_t count, MapUse use) override;
  [[nodiscard]] bool valid(std::uint64_t physical, std::uint64_t count) const override;
  void damaged(std::string_view what) override;

 private:
  Volume& volume_;
  Inode inode_;
  MapFormat format_;
  std::optional<ExtentMap> extents_;
  std::optional<IndirectMap> indirect_;
  BlockMap* map_;
  std::uint64_t goal_ = 0;
  std::uint64_t visits_ = 0;
};

// The blocks of a directory as Directory wants them.
class DirectoryInode final : public DirectoryBlocks {
 public:
  // A long scan lets others have the lock where the operation is given, which nothing but the scan
  // may depend on then. Where it is not, a scan that takes too long is EFBIG.
  DirectoryInode(Volume& volume, const Inode& inode, Volume::Operation* pausing);

  [[nodiscard]] std::uint32_t count() const override;
  Outcome<DirectoryBlock> block(std::uint32_t index) override;
  void mark_verified(std::uint32_t index) override;
  Outcome<void> changed(std::uint32_t index) override;
  Outcome<std::uint32_t> append() override;
  Outcome<std::uint32_t> next_mapped(std::uint32_t index) override;
  Outcome<void> done_with(std::uint32_t index) override;
  [[nodiscard]] bool turn_is_over() const override { return work_.turn_is_over(); }
  [[nodiscard]] bool indexed() const override;
  Outcome<void> set_indexed(bool indexed) override;
  [[nodiscard]] bool folded() const override;
  void corrupted(std::uint32_t block, std::string_view what) override;
  // Where on the medium one of its blocks lies.
  Outcome<std::uint64_t> place(std::uint32_t index);

 private:
  Outcome<void> before_growing();
  [[nodiscard]] const Inode& inode() const { return blocks_->inode(); }

  Volume& volume_;
  std::optional<InodeBlocks> blocks_;  // another one after a pause
  Volume::Operation* pausing_;
  Work work_;
  Run last_run_;             // directories are read block after block
  bool complained_ = false;  // one line per request is enough
};

}  // namespace airlock::ext
