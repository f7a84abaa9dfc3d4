// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/inode_blocks.h"

#include <algorithm>
#include <cerrno>

#include "contained/ext/volume.h"
#include "lib/base/log.h"

namespace airlock::ext {
namespace {

constexpr std::uint64_t kChecked = 1;
// A directory of more blocks than this is not one.
constexpr std::uint64_t kMaxDirectoryBlocks = std::uint64_t{1} << 31;
constexpr std::uint32_t kDirectoryReadAhead = 8;

}  // namespace

InodeBlocks::InodeBlocks(Volume& volume, const Inode& inode)
    : volume_(volume),
      inode_(inode),
      format_{.block_size = volume.block_size(),
              .checksums = volume.has_checksums(),
              .inode_seed = volume.inode_seed(inode),
              .copies_halved = !volume.has_journal()} {
  if (inode.has_flag(EXT4_EXTENTS_FL)) {
    map_ = &extents_.emplace(format_, *this, inode.root());
  } else {
    map_ = &indirect_.emplace(format_, *this, inode.root());
  }
}

std::uint64_t InodeBlocks::goal() {
  if (goal_ != 0) return goal_;
  return volume_.allocator().goal_for_group(volume_.group_of_inode(inode_.number()));
}

// The count comes first: it is what can refuse, and the only step that is undone without a trace.
Outcome<void> InodeBlocks::take(BlockRange range) {
  const bool huge =
      (volume_.superblock().s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_HUGE_FILE) != 0;
  const auto count = static_cast<std::int64_t>(range.count);
  if (!inode_.add_blocks(count, volume_.block_size(), huge)) {
    volume_.allocator().cancel_reserved(range);
    return refuse(EFBIG);
  }
  auto used = volume_.allocator().use_reserved(range);
  if (!used) (void)inode_.add_blocks(-count, volume_.block_size(), huge);
  return used;
}

Outcome<void> InodeBlocks::adopt(const Run& run) {
  TRY_VOID(take({run.physical, run.count}));
  auto mapped = map().insert(run);
  if (!mapped) (void)release(run.physical, run.count, MapUse::kData);
  return mapped;
}

Work InodeBlocks::work_for(const Volume& volume, const Inode& inode) {
  const std::uint32_t block_size = volume.block_size();
  return {block_size, inode.sectors(block_size) / (block_size / 512), volume.block_count()};
}

// A node of an extent tree is sorted: looking something up reads little of it.
std::uint64_t InodeBlocks::take_visits() {
  const std::uint64_t visits_per_block = extents_ ? 8 : 1;
  const std::uint64_t blocks = visits_ / visits_per_block;
  visits_ %= visits_per_block;
  return blocks;
}

Outcome<MapBlock> InodeBlocks::block(std::uint64_t physical) {
  ++visits_;
  TRY(const auto bytes, volume_.cache().read(physical));
  return MapBlock{.bytes = bytes, .checked = (volume_.cache().marks(physical) & kChecked) != 0};
}

Outcome<std::span<std::byte>> InodeBlocks::fresh(std::uint64_t physical) {
  TRY(const auto bytes, volume_.cache().fresh(physical));
  volume_.cache().marks(physical) |= kChecked;
  return bytes;
}

void InodeBlocks::checked(std::uint64_t physical) {
  volume_.cache().marks(physical) |= kChecked;
}

void InodeBlocks::changed(std::uint64_t physical) {
  volume_.cache().changed(physical);
}

void InodeBlocks::raised_key(std::uint64_t physical, unsigned levels) {
  const std::uint64_t block = physical != 0 ? physical : volume_.block_of_inode(inode_.number());
  volume_.cache().changed(block, write_rank::raised_key(levels));
}

void InodeBlocks::under_lowered_key(std::uint64_t physical, unsigned levels) {
  volume_.cache().changed(physical, write_rank::under_lowered_key(levels));
}

Outcome<std::uint64_t> InodeBlocks::allocate(std::uint64_t goal) {
  TRY(const BlockRange range,
      volume_.allocator().reserve_blocks(goal != 0 ? goal : this->goal(), 1));
  TRY_VOID(take(range));
  return range.start;
}

Outcome<void> InodeBlocks::release(std::uint64_t physical, std::uint64_t count, MapUse use) {
  TRY_VOID(volume_.allocator().free_blocks({physical, count}));
  (void)inode_.add_blocks(-static_cast<std::int64_t>(count), volume_.block_size(), true);
  // The cache holds maps, directories and links, never the content of files.
  if (use == MapUse::kMap || !inode_.is_file()) {
    for (std::uint64_t i = 0; i < count; ++i) volume_.cache().forget(physical + i);
  }
  return {};
}

bool InodeBlocks::valid(std::uint64_t physical, std::uint64_t count) const {
  return volume_.allocator().may_hold_data({physical, count});
}

void InodeBlocks::damaged(std::string_view what) {
  log(LogLevel::kError, "inode {}: {}", inode_.number(), what);
}

DirectoryInode::DirectoryInode(Volume& volume, const Inode& inode, Volume::Operation* pausing)
    : volume_(volume), pausing_(pausing), work_(InodeBlocks::work_for(volume, inode)) {
  blocks_.emplace(volume, inode);
}

std::uint32_t DirectoryInode::count() const {
  const std::uint64_t blocks = inode().size() / volume_.block_size();
  // One that claims more than the volume has would be searched for hours.
  const std::uint64_t most = std::min(kMaxDirectoryBlocks, volume_.block_count());
  return static_cast<std::uint32_t>(std::min(blocks, most));
}

Outcome<std::uint64_t> DirectoryInode::place(std::uint32_t index) {
  if (index < last_run_.logical || index - last_run_.logical >= last_run_.count) {
    TRY(last_run_, blocks_->map().find(index, count() - index));
  }
  if (last_run_.state != RunState::kWritten) {
    corrupted(index, "a hole in a directory");
    last_run_ = {};
    return refuse(EUCLEAN);
  }
  return last_run_.physical + (index - last_run_.logical);
}

Outcome<std::uint32_t> DirectoryInode::next_mapped(std::uint32_t index) {
  while (index < count()) {
    if (index >= last_run_.logical && index - last_run_.logical < last_run_.count) return index;
    TRY(const Run run, blocks_->map().find(index, count() - index));
    if (run.count == 0) return refuse(EUCLEAN);
    if (run.state == RunState::kWritten) {
      last_run_ = run;
      return index;
    }
    corrupted(index, "a hole in a directory");
    index = static_cast<std::uint32_t>(run.logical + run.count);
    TRY_VOID(done_with(index));
  }
  return count();
}

// A directory may claim more than can be read in a moment, and more than it has.
Outcome<void> DirectoryInode::done_with(std::uint32_t index) {
  work_.add(blocks_->take_visits());
  if (!work_.is_justified()) {
    corrupted(index, "the directory is larger than its number of blocks");
    return refuse(EUCLEAN);
  }
  if (!work_.turn_is_over()) return {};
  if (pausing_ == nullptr) return work_.fits_at_once() ? Outcome<void>{} : refuse(EFBIG);
  const std::uint32_t number = inode().number();
  TRY_VOID(pausing_->pause());
  work_.begin_turn();
  TRY(const Inode again, volume_.inode(number));
  if (!again.is_directory() || again.has_flag(EXT4_INLINE_DATA_FL)) return refuse(ENOENT);
  blocks_.emplace(volume_, again);
  last_run_ = {};
  return {};
}

Outcome<DirectoryBlock> DirectoryInode::block(std::uint32_t index) {
  work_.add(1);
  TRY(const std::uint64_t at, place(index));
  const std::uint64_t left = last_run_.physical + last_run_.count - at;
  TRY(const auto bytes, volume_.cache().read(at, static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                                     left, kDirectoryReadAhead))));
  return DirectoryBlock{.bytes = bytes, .verified = (volume_.cache().marks(at) & kChecked) != 0};
}

void DirectoryInode::mark_verified(std::uint32_t index) {
  if (const auto at = place(index)) volume_.cache().marks(*at) |= kChecked;
}

Outcome<void> DirectoryInode::changed(std::uint32_t index) {
  TRY(const std::uint64_t at, place(index));
  volume_.cache().changed(at, write_rank::kNames);
  return {};
}

// Whoever appends a block moves names to it only afterwards. Those are new names too, also if what
// appended it fails, and they belong to the batch after the one that was sealed.
Outcome<void> DirectoryInode::before_growing() {
  if (volume_.has_journal()) return {};
  if (volume_.name_order().has_removals()) TRY_VOID(volume_.seal_batch());
  volume_.name_order().grown(inode().number());
  volume_.note_new_name();
  return {};
}

Outcome<std::uint32_t> DirectoryInode::append() {
  const std::uint32_t index = count();
  if (index > 0) TRY_VOID(before_growing());
  std::uint64_t goal = 0;
  if (index > 0) {
    TRY(goal, place(index - 1));
    ++goal;
  }
  TRY(const BlockRange range,
      volume_.allocator().reserve_blocks(goal != 0 ? goal : blocks_->goal(), 1));
  TRY_VOID(blocks_->adopt(
      {.logical = index, .physical = range.start, .count = 1, .state = RunState::kWritten}));
  TRY_VOID(blocks_->fresh(range.start));
  inode().set_size(std::uint64_t{index + 1} * volume_.block_size());
  last_run_ = {};
  volume_.inode_changed(inode());
  return index;
}

bool DirectoryInode::indexed() const {
  return inode().has_flag(EXT2_INDEX_FL);
}

Outcome<void> DirectoryInode::set_indexed(bool indexed) {
  auto& flags = inode().raw().i_flags;
  flags = indexed ? flags | std::uint32_t{EXT2_INDEX_FL} : flags & ~std::uint32_t{EXT2_INDEX_FL};
  volume_.inode_changed(inode());
  return {};
}

bool DirectoryInode::folded() const {
  return inode().has_flag(EXT4_CASEFOLD_FL);
}

void DirectoryInode::corrupted(std::uint32_t block, std::string_view what) {
  if (complained_) return;
  complained_ = true;
  log(LogLevel::kError, "directory inode {}, block {}: {}", inode().number(), block, what);
}

}  // namespace airlock::ext
