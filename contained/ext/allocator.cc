// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "contained/ext/bitmap.h"
#include "contained/ext/inode.h"
#include "lib/base/log.h"

namespace airlock::ext {
namespace {

constexpr std::uint64_t kVerified = 1;
// How many groups are searched for a run of the wanted length before a shorter one is good.
constexpr std::uint32_t kGroupsForFullRun = 16;
// How many groups whose descriptor and bitmap contradict each other one search goes through. It
// knows the full ones next time.
constexpr std::uint32_t kMostLiesAtOnce = 1024;

void add_range(Allocator::FreedBlocks& ranges, BlockRange range) {
  auto next = ranges.lower_bound(range.start);
  if (next != ranges.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == range.start) {
      range = {before->first, before->second + range.count};
      ranges.erase(before);
    }
  }
  if (next != ranges.end() && range.end() == next->first) {
    range.count += next->second;
    ranges.erase(next);
  }
  ranges.emplace(range.start, range.count);
}

// The range lies within one range of the set.
void remove_range(Allocator::FreedBlocks& ranges, BlockRange range) {
  auto holder = ranges.upper_bound(range.start);
  if (holder == ranges.begin()) return;
  --holder;
  const BlockRange whole = {holder->first, holder->second};
  if (whole.end() < range.end()) return;
  ranges.erase(holder);
  if (whole.start < range.start) ranges.emplace(whole.start, range.start - whole.start);
  if (range.end() < whole.end()) ranges.emplace(range.end(), whole.end() - range.end());
}

// Where the first range of the set that touches [range.start, …) begins and ends.
BlockRange first_overlap(const Allocator::FreedBlocks& ranges, BlockRange range) {
  auto next = ranges.upper_bound(range.start);
  if (next != ranges.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second > range.start) return {before->first, before->second};
  }
  if (next != ranges.end() && next->first < range.end()) return {next->first, next->second};
  return {range.end(), 0};
}

}  // namespace

Allocator::Allocator(ext2_filsys fs, MetadataCache& cache)
    : fs_(fs),
      cache_(cache),
      groups_(fs->group_desc_count),
      has_checksums_(ext2fs_has_feature_metadata_csum(fs->super) != 0),
      has_group_checksums_(ext2fs_has_group_desc_csum(fs) != 0),
      holds_inodes_(ext2fs_has_feature_journal(fs->super) == 0) {
  collect_fixed_ranges();
  count_free();
}

// The superblock's own counters are only right after a clean end: see Volume::store_superblock().
void Allocator::count_free() {
  std::uint64_t clusters = 0;
  std::uint64_t inodes = 0;
  for (std::uint32_t group = 0; group < fs_->group_desc_count; ++group) {
    clusters += ext2fs_bg_free_blocks_count(fs_, group);
    inodes += ext2fs_bg_free_inodes_count(fs_, group);
  }
  free_blocks_ =
      std::min<std::uint64_t>(clusters << fs_->cluster_ratio_bits, ext2fs_blocks_count(fs_->super));
  free_inodes_ =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(inodes, fs_->super->s_inodes_count));
}

std::uint32_t Allocator::group_of(std::uint64_t block) const {
  return ext2fs_group_of_blk2(fs_, block);
}

std::uint64_t Allocator::first_block(std::uint32_t group) const {
  return ext2fs_group_first_block2(fs_, group);
}

std::uint32_t Allocator::blocks_in(std::uint32_t group) const {
  return static_cast<std::uint32_t>(ext2fs_group_last_block2(fs_, group) - first_block(group) + 1);
}

std::uint64_t Allocator::goal_for_group(std::uint32_t group) const {
  const std::uint64_t first = first_block(group);
  const std::uint64_t flex = std::uint64_t{1}
                             << std::min<unsigned>(fs_->super->s_log_groups_per_flex, 31);
  const std::uint64_t reach = flex * fs_->super->s_blocks_per_group;
  return cursor_ >= first && cursor_ - first < reach ? cursor_ : first;
}

void Allocator::collect_fixed_ranges() {
  const auto add = [this](std::uint64_t start, std::uint64_t count) {
    if (count > 0) fixed_.push_back({start, count});
  };
  std::vector<BlockRange> reserved;  // a descriptor may take one of these
  for (std::uint32_t group = 0; group < fs_->group_desc_count; ++group) {
    blk64_t super_block = 0, old_descriptors = 0, new_descriptors = 0;
    ext2fs_super_and_bgd_loc2(fs_, group, &super_block, &old_descriptors, &new_descriptors,
                              nullptr);
    if (ext2fs_bg_has_super(fs_, static_cast<int>(group))) add(super_block, 1);
    if (old_descriptors != 0) {
      const std::uint64_t descriptors =
          ext2fs_has_feature_meta_bg(fs_->super) ? fs_->super->s_first_meta_bg : fs_->desc_blocks;
      add(old_descriptors, descriptors);
      if (fs_->super->s_reserved_gdt_blocks > 0)
        reserved.push_back({old_descriptors + descriptors, fs_->super->s_reserved_gdt_blocks});
    }
    if (new_descriptors != 0) add(new_descriptors, 1);
    add(ext2fs_block_bitmap_loc(fs_, group), 1);
    add(ext2fs_inode_bitmap_loc(fs_, group), 1);
    add(ext2fs_inode_table_loc(fs_, group), fs_->inode_blocks_per_group);
  }
  std::ranges::sort(fixed_, {}, &BlockRange::start);
  find_contradictions();
  protect(reserved);
}

// A change of a bitmap that is also a part of an inode table would change files.
void Allocator::find_contradictions() {
  const std::uint64_t blocks = ext2fs_blocks_count(fs_->super);
  std::uint64_t end = 0;
  for (const BlockRange& range : fixed_) {
    if (range.start < fs_->super->s_first_data_block || range.start >= blocks ||
        range.count > blocks - range.start) {
      contradiction_ =
          fmt::format("a block group claims block {}, which is not there", range.end());
      return;
    }
    if (range.start < end) {
      contradiction_ = fmt::format("two block groups claim block {}", range.start);
      return;
    }
    end = range.end();
  }
}

void Allocator::protect(std::span<const BlockRange> ranges) {
  const auto sorted = static_cast<std::ptrdiff_t>(fixed_.size());
  fixed_.insert(fixed_.end(), ranges.begin(), ranges.end());
  std::ranges::sort(fixed_.begin() + sorted, fixed_.end(), {}, &BlockRange::start);
  std::ranges::inplace_merge(fixed_, fixed_.begin() + sorted, {}, &BlockRange::start);
  std::vector<BlockRange> merged;
  for (const BlockRange& range : fixed_) {
    if (!merged.empty() && range.start <= merged.back().end()) {
      merged.back().count = std::max(merged.back().end(), range.end()) - merged.back().start;
    } else {
      merged.push_back(range);
    }
  }
  merged.shrink_to_fit();
  fixed_ = std::move(merged);
}

bool Allocator::may_hold_data(BlockRange range) const {
  const std::uint64_t blocks = ext2fs_blocks_count(fs_->super);
  if (range.count == 0 || range.start < fs_->super->s_first_data_block || range.start >= blocks ||
      range.count > blocks - range.start || range.start == 0)
    return false;
  const auto next = std::ranges::upper_bound(fixed_, range.start, {}, &BlockRange::start);
  if (next != fixed_.begin() && std::prev(next)->end() > range.start) return false;
  return next == fixed_.end() || next->start >= range.end();
}

void Allocator::changed(std::uint32_t group) {
  if (groups_[group].descriptor_changed) return;
  groups_[group].descriptor_changed = true;
  changed_groups_.push_back(group);
}

Outcome<std::span<std::byte>> Allocator::block_bitmap(std::uint32_t group) {
  if (has_group_checksums_ && ext2fs_bg_flags_test(fs_, group, EXT2_BG_BLOCK_UNINIT))
    TRY_VOID(start_block_bitmap(group));
  const std::uint64_t block = ext2fs_block_bitmap_loc(fs_, group);
  TRY(auto bits, cache_.read(block));
  std::uint64_t& marks = cache_.marks(block);
  if ((marks & kVerified) == 0 && !groups_[group].blocks_changed) {
    if (ext2fs_block_bitmap_csum_verify(fs_, group, reinterpret_cast<char*>(bits.data()),
                                        static_cast<int>(fs_->super->s_clusters_per_group / 8)) ==
        0) {
      log(LogLevel::kError, "the block bitmap of group {} has a wrong checksum", group);
      return refuse(EUCLEAN);
    }
    TRY_VOID(check_block_bitmap(group, bits));
    marks |= kVerified;
  }
  return bits;
}

// Those that touch the group.
std::span<const BlockRange> Allocator::fixed_in(std::uint32_t group) const {
  const std::uint64_t start = first_block(group);
  const auto first = std::ranges::partition_point(
      fixed_, [&](const BlockRange& range) { return range.end() <= start; });
  const auto last = std::ranges::lower_bound(first, fixed_.end(), start + blocks_in(group), {},
                                             &BlockRange::start);
  return {first, last};
}

// A file that got one of the volume's own blocks from it would lose its data.
Outcome<void> Allocator::check_block_bitmap(std::uint32_t group,
                                            std::span<const std::byte> bits) const {
  const std::uint64_t first = first_block(group);
  for (const BlockRange& fixed : fixed_in(group)) {
    const auto from = static_cast<std::uint32_t>(std::max(fixed.start, first) - first);
    const auto end = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({fixed.end() - first, blocks_in(group), bits.size() * 8}));
    if (from < end && next_bit(bits, Bit::kClear, from, end) != end) {
      log(LogLevel::kError, "the block bitmap of group {} says that metadata is free", group);
      return refuse(EUCLEAN);
    }
  }
  return {};
}

Outcome<void> Allocator::start_block_bitmap(std::uint32_t group) {
  TRY(auto bits, cache_.fresh(ext2fs_block_bitmap_loc(fs_, group)));
  const std::uint64_t first = first_block(group);
  const BlockRange whole = {first, blocks_in(group)};
  for (const BlockRange& fixed : fixed_in(group)) {
    const std::uint64_t from = std::max(fixed.start, whole.start);
    const std::uint64_t end = std::min(fixed.end(), whole.end());
    if (from < end)
      write_bits(bits, Bit::kSet, static_cast<std::uint32_t>(from - first),
                 static_cast<std::uint32_t>(end - first));
  }
  write_bits(bits, Bit::kSet, blocks_in(group), static_cast<std::uint32_t>(bits.size() * 8));
  ext2fs_bg_flags_clear(fs_, group, EXT2_BG_BLOCK_UNINIT);
  groups_[group].blocks_changed = true;
  changed(group);
  return {};
}

Outcome<std::span<std::byte>> Allocator::inode_bitmap(std::uint32_t group) {
  if (has_group_checksums_ && ext2fs_bg_flags_test(fs_, group, EXT2_BG_INODE_UNINIT))
    TRY_VOID(start_inode_bitmap(group));
  const std::uint64_t block = ext2fs_inode_bitmap_loc(fs_, group);
  TRY(auto bits, cache_.read(block));
  std::uint64_t& marks = cache_.marks(block);
  if ((marks & kVerified) == 0 && !groups_[group].inodes_changed) {
    if (ext2fs_inode_bitmap_csum_verify(fs_, group, reinterpret_cast<char*>(bits.data()),
                                        static_cast<int>(fs_->super->s_inodes_per_group / 8)) ==
        0) {
      log(LogLevel::kError, "the inode bitmap of group {} has a wrong checksum", group);
      return refuse(EUCLEAN);
    }
    marks |= kVerified;
  }
  return bits;
}

Outcome<void> Allocator::start_inode_bitmap(std::uint32_t group) {
  TRY(auto bits, cache_.fresh(ext2fs_inode_bitmap_loc(fs_, group)));
  write_bits(bits, Bit::kSet, fs_->super->s_inodes_per_group,
             static_cast<std::uint32_t>(bits.size() * 8));
  ext2fs_bg_flags_clear(fs_, group, EXT2_BG_INODE_UNINIT);
  groups_[group].inodes_changed = true;
  changed(group);
  return {};
}

// Cuts the range at, or moves it behind, blocks that may not be reused yet.
BlockRange Allocator::skip_pending(BlockRange range) const {
  while (range.count > 0) {
    BlockRange hit;
    for (const FreedBlocks* ranges : {&reserved_, &freed_.blocks, &committing_}) {
      const BlockRange other = first_overlap(*ranges, range);
      if (other.count > 0 && (hit.count == 0 || other.start < hit.start)) hit = other;
    }
    if (hit.count == 0) return range;
    if (hit.start > range.start) return {range.start, hit.start - range.start};
    const std::uint64_t end = range.end();
    range.start = std::min(hit.end(), end);
    range.count = end - range.start;
  }
  return range;
}

Outcome<BlockRange> Allocator::find_run(std::uint32_t group, std::uint32_t from,
                                        std::uint64_t want) {
  TRY(const auto bits, block_bitmap(group));
  const std::uint32_t end = std::min(blocks_in(group), static_cast<std::uint32_t>(bits.size() * 8));
  const std::uint64_t first = first_block(group);
  BlockRange longest;
  if (from == 0 && next_bit(bits, Bit::kClear, 0, end) == end) groups_[group].no_free_block = true;
  while (from < end) {
    const std::uint32_t free = next_bit(bits, Bit::kClear, from, end);
    if (free == end) break;
    const auto most = static_cast<std::uint32_t>(std::min<std::uint64_t>(end - free, want));
    const std::uint32_t used = next_bit(bits, Bit::kSet, free, free + most);
    const BlockRange run = skip_pending({first + free, used - free});
    if (run.count > longest.count) longest = run;
    if (longest.count >= want) break;
    from = std::max(used, static_cast<std::uint32_t>(run.end() - first));
    if (run.count == 0) from = std::max(from, free + 1);
  }
  return longest;
}

Outcome<BlockRange> Allocator::reserve_blocks(std::uint64_t goal, std::uint64_t want) {
  const std::uint64_t blocks = ext2fs_blocks_count(fs_->super);
  if (goal < fs_->super->s_first_data_block || goal >= blocks)
    goal = fs_->super->s_first_data_block;
  const std::uint32_t count = fs_->group_desc_count;
  const std::uint32_t start = group_of(goal);
  BlockRange best;
  bool broken = false;
  std::uint32_t lies = 0;
  // One round more than there are groups: the blocks before the goal in its own group come last.
  for (std::uint32_t step = 0; step <= count && lies < kMostLiesAtOnce; ++step) {
    const std::uint32_t group = static_cast<std::uint32_t>((std::uint64_t{start} + step) % count);
    if (ext2fs_bg_free_blocks_count(fs_, group) == 0 || groups_[group].no_free_block) continue;
    const auto from = static_cast<std::uint32_t>(step == 0 ? goal - first_block(group) : 0);
    auto run = find_run(group, from, want);
    if (!run) {
      if (run.error().value != EUCLEAN) return run;
      broken = true;  // costs its group only
      ++lies;
      continue;
    }
    if (groups_[group].no_free_block) ++lies;
    if (run->count > best.count) best = *run;
    if (best.count >= want || (best.count > 0 && step >= kGroupsForFullRun)) break;
    // What continues the file where it ends is better than something longer elsewhere.
    if (best.count > 0 && best.start == goal) break;
  }
  if (best.count == 0 && lies == kMostLiesAtOnce) return refuse(EUCLEAN);
  if (best.count == 0) return refuse(broken && !pending() ? EUCLEAN : ENOSPC);
  if (!may_hold_data(best)) {
    log(LogLevel::kError, "a bitmap says that metadata at block {} is free", best.start);
    return refuse(EUCLEAN);
  }
  add_range(reserved_, best);
  free_blocks_ -= std::min(free_blocks_, best.count);
  cursor_ = best.end();
  return best;
}

Outcome<void> Allocator::mark(BlockRange range, Use use) {
  const bool taken = use == Use::kTaken;
  while (range.count > 0) {
    const std::uint32_t group = group_of(range.start);
    const std::uint64_t first = first_block(group);
    const std::uint64_t end = std::min(range.end(), first + blocks_in(group));
    TRY(const auto bits, block_bitmap(group));
    const auto from = static_cast<std::uint32_t>(range.start - first);
    const auto to = static_cast<std::uint32_t>(end - first);
    if (to > bits.size() * 8) return refuse(EUCLEAN);
    const auto value = taken ? Bit::kSet : Bit::kClear;
    if (next_bit(bits, value, from, to) != to) {
      log(LogLevel::kError, "block {} is {} already", range.start, taken ? "in use" : "free");
      return refuse(EUCLEAN);
    }
    write_bits(bits, value, from, to);
    cache_.changed(ext2fs_block_bitmap_loc(fs_, group));
    groups_[group].blocks_changed = true;
    if (!taken) groups_[group].no_free_block = false;
    changed(group);
    const auto blocks = static_cast<std::uint32_t>(end - range.start);
    const std::uint32_t before = ext2fs_bg_free_blocks_count(fs_, group);
    ext2fs_bg_free_blocks_count_set(fs_, group,
                                    taken ? before - std::min(before, blocks) : before + blocks);
    range = {end, range.end() - end};
  }
  return {};
}

Outcome<void> Allocator::use_reserved(BlockRange range) {
  remove_range(reserved_, range);
  auto taken = mark(range, Use::kTaken);
  if (!taken) free_blocks_ += range.count;
  return taken;
}

void Allocator::cancel_reserved(BlockRange range) {
  remove_range(reserved_, range);
  free_blocks_ += range.count;
}

Outcome<void> Allocator::free_blocks(BlockRange range) {
  if (!may_hold_data(range)) return refuse(EUCLEAN);
  TRY_VOID(mark(range, Use::kFree));
  free_blocks_ += range.count;
  add_range(freed_.blocks, range);
  return {};
}

std::uint64_t Allocator::available_block_count() const {
  std::uint64_t pending = 0;
  for (const FreedBlocks* ranges : {&freed_.blocks, &committing_})
    for (const auto& [start, count] : *ranges) pending += count;
  return free_blocks_ - std::min(free_blocks_, pending);
}

Outcome<std::uint32_t> Allocator::allocate_inode(std::uint32_t group, Kind kind) {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  bool broken = false;
  std::uint32_t lies = 0;
  for (std::uint32_t step = 0; step < fs_->group_desc_count && lies < kMostLiesAtOnce; ++step) {
    const auto here =
        static_cast<std::uint32_t>((std::uint64_t{group} + step) % fs_->group_desc_count);
    Group& state = groups_[here];
    if (ext2fs_bg_free_inodes_count(fs_, here) == 0 || state.no_free_inode) continue;
    broken = broken || state.has_wrong_inodes;
    if (state.has_wrong_inodes) continue;
    auto bits = inode_bitmap(here);
    if (!bits) {
      if (bits.error().value != EUCLEAN) return std::unexpected(bits.error());
      broken = true;
      ++lies;
      continue;
    }
    // Reserved inodes are never handed out, whatever a bitmap says.
    const std::uint32_t from = here == 0 ? EXT2_FIRST_INODE(fs_->super) - 1 : 0;
    const std::uint32_t index = free_inode_in(here, *bits, from);
    if (index >= per_group) {
      state.no_free_inode = next_bit(*bits, Bit::kClear, from, per_group) >= per_group;
      if (state.no_free_inode) ++lies;
      continue;
    }
    TRY(const bool in_use, is_in_use(here, index));
    if (in_use) {
      log(LogLevel::kError, "the inode bitmap of group {} says that inode {} is free, which is not",
          here, here * per_group + index + 1);
      state.has_wrong_inodes = true;
      broken = true;
      ++lies;
      continue;
    }
    TRY_VOID(take_inode(here, index, kind));
    if (holds_inodes_) new_inodes_.insert(here * per_group + index + 1);
    return here * per_group + index + 1;
  }
  return refuse(broken ? EUCLEAN : ENOSPC);
}

// The inode knows better than the bitmap, but not in the part of a table that was never used.
Outcome<bool> Allocator::is_in_use(std::uint32_t group, std::uint32_t index) {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  if (has_group_checksums_ &&
      index >= per_group - std::min(ext2fs_bg_itable_unused(fs_, group), per_group))
    return false;
  const std::uint32_t size = EXT2_INODE_SIZE(fs_->super);
  const std::uint32_t per_block = fs_->blocksize / size;
  TRY(const auto bytes,
      cache_.read(ext2fs_inode_table_loc(fs_, group) + index / per_block, kInodeReadAhead));
  const Inode inode(group * per_group + index + 1,
                    bytes.subspan(std::size_t{index % per_block} * size, size));
  return inode.raw().i_links_count != 0;
}

// As an index in its group; the number of inodes there if it has none that may be used.
std::uint32_t Allocator::free_inode_in(std::uint32_t group, std::span<const std::byte> bits,
                                       std::uint32_t from) const {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  std::uint32_t index = next_bit(bits, Bit::kClear, from, per_group);
  while (index < per_group && held_inodes_.contains(group * per_group + index + 1))
    index = next_bit(bits, Bit::kClear, index + 1, per_group);
  return index;
}

Outcome<void> Allocator::take_inode(std::uint32_t group, std::uint32_t index, Kind kind) {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  if (has_group_checksums_) {
    const std::uint32_t unused = std::min(ext2fs_bg_itable_unused(fs_, group), per_group);
    const std::uint32_t first_unused = per_group - unused;
    if (index >= first_unused) {
      TRY_VOID(clear_unused_inodes(group, first_unused, index));
      ext2fs_bg_itable_unused_set(fs_, group, per_group - index - 1);
    }
  }
  TRY(const auto bits, inode_bitmap(group));
  write_bits(bits, Bit::kSet, index, index + 1);
  cache_.changed(ext2fs_inode_bitmap_loc(fs_, group));
  groups_[group].inodes_changed = true;
  changed(group);
  ext2fs_bg_free_inodes_count_set(fs_, group, ext2fs_bg_free_inodes_count(fs_, group) - 1);
  if (kind == Kind::kDirectory)
    ext2fs_bg_used_dirs_count_set(fs_, group, ext2fs_bg_used_dirs_count(fs_, group) + 1);
  free_inodes_ -= std::min(free_inodes_, 1u);
  return {};
}

// Inodes behind the used part of a table were perhaps never written; those that come to lie
// before the new end must be empty.
Outcome<void> Allocator::clear_unused_inodes(std::uint32_t group, std::uint32_t from,
                                             std::uint32_t to) {
  const std::uint32_t size = EXT2_INODE_SIZE(fs_->super);
  const std::uint32_t per_block = fs_->blocksize / size;
  for (std::uint32_t index = from; index < to; ++index) {
    const std::uint64_t block = ext2fs_inode_table_loc(fs_, group) + index / per_block;
    TRY(const auto bytes, cache_.read(block));
    std::memset(bytes.data() + std::size_t{index % per_block} * size, 0, size);
    cache_.changed(block);
  }
  return {};
}

Outcome<void> Allocator::free_inode(std::uint32_t number, Kind kind) {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  const std::uint32_t group = (number - 1) / per_group;
  const std::uint32_t index = (number - 1) % per_group;
  TRY(const auto bits, inode_bitmap(group));
  if (!test_bit(bits, index)) {
    log(LogLevel::kError, "inode {} is free already", number);
    return refuse(EUCLEAN);
  }
  write_bits(bits, Bit::kClear, index, index + 1);
  groups_[group].no_free_inode = false;
  cache_.changed(ext2fs_inode_bitmap_loc(fs_, group));
  groups_[group].inodes_changed = true;
  changed(group);
  ext2fs_bg_free_inodes_count_set(fs_, group, ext2fs_bg_free_inodes_count(fs_, group) + 1);
  const std::uint32_t directories = ext2fs_bg_used_dirs_count(fs_, group);
  if (kind == Kind::kDirectory && directories > 0)
    ext2fs_bg_used_dirs_count_set(fs_, group, directories - 1);
  ++free_inodes_;
  // One that was taken since the last take_freed() is free on the medium.
  if (holds_inodes_ && new_inodes_.erase(number) == 0) {
    freed_.inodes.push_back(number);
    held_inodes_.insert(number);
  }
  return {};
}

Outcome<void> Allocator::store_descriptors(std::uint32_t group) {
  const std::uint32_t per_block = EXT2_DESC_PER_BLOCK(fs_->super);
  const std::uint32_t index = group / per_block;
  const std::uint64_t block =
      ext2fs_descriptor_block_loc2(fs_, fs_->super->s_first_data_block, index);
  TRY(const auto bytes, cache_.read(block));
  const auto* descriptors = reinterpret_cast<const std::byte*>(fs_->group_desc);
  std::memcpy(bytes.data(), descriptors + std::size_t{index} * fs_->blocksize, fs_->blocksize);
  cache_.changed(block);
  return {};
}

Outcome<void> Allocator::prepare_commit() {
  for (const std::uint32_t group : changed_groups_) {
    Group& state = groups_[group];
    if (has_checksums_ && state.blocks_changed) {
      TRY(const auto bits, cache_.read(ext2fs_block_bitmap_loc(fs_, group)));
      (void)ext2fs_block_bitmap_csum_set(fs_, group, reinterpret_cast<char*>(bits.data()),
                                         static_cast<int>(fs_->super->s_clusters_per_group / 8));
    }
    if (has_checksums_ && state.inodes_changed) {
      TRY(const auto bits, cache_.read(ext2fs_inode_bitmap_loc(fs_, group)));
      (void)ext2fs_inode_bitmap_csum_set(fs_, group, reinterpret_cast<char*>(bits.data()),
                                         static_cast<int>(fs_->super->s_inodes_per_group / 8));
    }
    if (has_group_checksums_) ext2fs_group_desc_csum_set(fs_, group);
    TRY_VOID(store_descriptors(group));
    state.descriptor_changed = state.blocks_changed = state.inodes_changed = false;
    cache_.marks(ext2fs_block_bitmap_loc(fs_, group)) |= kVerified;
    cache_.marks(ext2fs_inode_bitmap_loc(fs_, group)) |= kVerified;
  }
  changed_groups_.clear();
  return {};
}

void Allocator::store_counts() {
  // What is only set aside is free as far as the medium is concerned.
  std::uint64_t reserved = 0;
  for (const auto& [start, count] : reserved_) reserved += count;
  ext2fs_free_blocks_count_set(fs_->super, free_blocks_ + reserved);
  fs_->super->s_free_inodes_count = free_inodes_;
}

Allocator::Freed Allocator::take_freed() {
  Freed taken = std::exchange(freed_, {});
  new_inodes_.clear();
  for (const auto& [start, count] : taken.blocks) add_range(committing_, {start, count});
  return taken;
}

void Allocator::reuse(const Freed& freed) {
  for (const auto& [start, count] : freed.blocks) remove_range(committing_, {start, count});
  for (const std::uint32_t inode : freed.inodes) held_inodes_.erase(inode);
}

Outcome<std::vector<BlockRange>> Allocator::free_ranges(std::uint32_t group,
                                                        std::uint64_t minimum) {
  std::vector<BlockRange> ranges;
  if (group >= fs_->group_desc_count || ext2fs_bg_free_blocks_count(fs_, group) == 0) return ranges;
  TRY(const auto bits, block_bitmap(group));
  const std::uint32_t end = std::min(blocks_in(group), static_cast<std::uint32_t>(bits.size() * 8));
  const std::uint64_t first = first_block(group);
  for (std::uint32_t from = 0; from < end;) {
    const std::uint32_t free = next_bit(bits, Bit::kClear, from, end);
    const std::uint32_t used = next_bit(bits, Bit::kSet, free, end);
    BlockRange rest = {first + free, used - free};
    while (rest.count > 0) {
      const BlockRange usable = skip_pending(rest);
      if (usable.count >= std::max<std::uint64_t>(minimum, 1)) ranges.push_back(usable);
      rest = {usable.end(), rest.end() - usable.end()};
    }
    from = used;
  }
  return ranges;
}

}  // namespace airlock::ext
