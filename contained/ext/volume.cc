// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/volume.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "contained/ext/inode_blocks.h"
#include "contained/ext/superblock_checksum.h"
#include "lib/base/log.h"

namespace airlock::ext {
namespace {

// Bounds what the driver keeps in memory: clean blocks beyond this are dropped.
constexpr std::size_t kCacheBytes = std::size_t{6} << 20;
// 128 TiB with blocks of 4 KiB. They take 350 MiB at most of what drivers.inc allows.
constexpr std::uint64_t kMostGroups = std::uint64_t{1} << 20;
// A journal in more pieces is none that somebody made.
constexpr std::size_t kMostJournalRuns = std::size_t{1} << 20;

DirectoryFormat directory_format_of(const ext2_filsys fs) {
  ext2_super_block* super = fs->super;
  DirectoryFormat format = {
      .block_size = fs->blocksize,
      .file_types = ext2fs_has_feature_filetype(super) != 0,
      .checksums = ext2fs_has_feature_metadata_csum(super) != 0,
      .dir_index = ext2fs_has_feature_dir_index(super) != 0,
      .large_directories = ext2fs_has_feature_largedir(super) != 0,
      .default_hash_version = super->s_def_hash_version,
      .unsigned_hash = (super->s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0,
      .hash_seed = {},
  };
  std::copy_n(super->s_hash_seed, format.hash_seed.size(), format.hash_seed.begin());
  if (ext2fs_has_feature_casefold(super) != 0) format.folding = NameFolding::of(*super);
  return format;
}

Result<ext2_super_block> read_superblock(BlockIo& io) {
  ext2_super_block super = {};
  const auto read = io.read(SUPERBLOCK_OFFSET, std::as_writable_bytes(std::span(&super, 1)));
  if (read) return super;
  if (io.size() < SUPERBLOCK_OFFSET + sizeof super)
    return fail(Errc::kWrongFormat, "the medium is too small for an ext filesystem");
  return fail_errno(read.error().value, Errc::kIo, "cannot read the superblock");
}

// Everything about a group that is kept in memory takes some hundred bytes, which the number of
// groups alone can make more than the driver may have. Before anything is made for them.
Result<void> check_group_count(const ext2_super_block& super) {
  const std::uint64_t per_group = super.s_blocks_per_group;
  if (per_group == 0) return fail(Errc::kCorrupted, "its block groups have no blocks");
  const std::uint64_t blocks = ext2fs_blocks_count(const_cast<ext2_super_block*>(&super));
  const std::uint64_t groups = blocks / per_group + (blocks % per_group != 0 ? 1 : 0);
  if (groups <= kMostGroups) return {};
  return fail(Errc::kUnsupported, "it has {} block groups; this driver reads volumes of up to {}",
              groups, kMostGroups);
}

Result<void> check_geometry(const BlockIo& io, const ext2_filsys fs) {
  const std::uint64_t blocks = io.size() / fs->blocksize;
  if (ext2fs_blocks_count(fs->super) > blocks)
    return fail(Errc::kCorrupted, "the filesystem claims {} blocks but the medium has only {}",
                ext2fs_blocks_count(fs->super), blocks);
  if (fs->blocksize > 65536 || EXT2_INODE_SIZE(fs->super) > fs->blocksize)
    return fail(Errc::kCorrupted, "its block or inode size is invalid");
  // libext2fs only compares these with what 16 bits can count. With bigalloc a group has more
  // blocks than its bitmap has bits, one for each cluster.
  const std::uint32_t bits = fs->blocksize * 8;
  const bool clusters = ext2fs_has_feature_bigalloc(fs->super) != 0;
  if ((!clusters && fs->super->s_blocks_per_group > bits) ||
      fs->super->s_clusters_per_group > bits || fs->super->s_inodes_per_group > bits)
    return fail(Errc::kCorrupted, "its block groups are larger than their bitmaps");
  if (EXT2_FIRST_INODE(fs->super) < EXT2_GOOD_OLD_FIRST_INO)
    return fail(Errc::kCorrupted, "it says that reserved inodes are files");
  return {};
}

// Who wants to write hears of others who do, even if this ends read-only: the state a volume in
// use is found in (a journal to replay, say) tells nothing else. Who only reads disturbs nobody.
Result<std::unique_ptr<Mmp>> protect(BlockIo& io, const ext2_super_block& super,
                                     const Fitness& fitness, MountMode wanted) {
  if (wanted == MountMode::kReadOnly || !io.writable()) return nullptr;
  TRY(auto protection, Mmp::open(io, super));
  if (protection == nullptr) return nullptr;
  TRY_VOID(protection->check());
  if (fitness.mode == MountMode::kReadWrite) TRY_VOID(protection->claim());
  return protection;
}

}  // namespace

Volume::Volume(BlockIo& io, FilesystemHandle&& fs, Fitness&& fitness)
    : io_(io),
      fs_(std::move(fs)),
      fitness_(std::move(fitness)),
      directory_format_(directory_format_of(fs_.get())),
      cache_(io, fs_->blocksize, ext2fs_blocks_count(fs_->super), kCacheBytes / fs_->blocksize),
      allocator_(std::make_unique<Allocator>(fs_.get(), cache_)) {}

Volume::~Volume() = default;

Result<std::unique_ptr<Volume>> Volume::open(BlockIo& io, MountMode wanted) {
  TRY(const ext2_super_block super, read_superblock(io));
  TRY(Fitness fitness, judge(super));
  TRY_VOID(check_group_count(super));
  TRY(auto protection, protect(io, super, fitness, wanted));
  TRY(auto fs, open_filesystem(io));
  TRY_VOID(check_geometry(io, fs.get()));
  // Once more: until a moment ago another computer may have used it.
  TRY(fitness, judge(*fs->super));
  if (wanted == MountMode::kReadOnly) fitness = {.mode = MountMode::kReadOnly, .reason = {}};
  if (fitness.mode == MountMode::kReadWrite && !io.writable())
    fitness = {.mode = MountMode::kReadOnly, .reason = "the medium is write-protected"};
  std::unique_ptr<Volume> volume(new Volume(io, std::move(fs), std::move(fitness)));
  if (const std::string& wrong = volume->allocator_->contradiction();
      volume->writable() && !wrong.empty())
    volume->fitness_ = {.mode = MountMode::kReadOnly,
                        .reason = fmt::format("{}; run e2fsck on it", wrong)};
  if (volume->writable()) TRY_VOID(volume->open_journal());
  if (volume->writable()) volume->protection_ = std::move(protection);
  return volume;
}

Outcome<void> Volume::Operation::pause() {
  ++pauses_;
  volume_.end_operation();
  lock_.unlock();
  auto others_went = volume_.turns_.let_others_go();
  lock_ = volume_.turns_.take();
  return others_went;
}

Result<void> Volume::open_journal() {
  if (!ext2fs_has_feature_journal(fs_->super)) return {};
  const Operation operation(*this);
  JournalGeometry geometry = {
      .block_size = block_size(),
      .filesystem_blocks = ext2fs_blocks_count(fs_->super),
      .runs = {},
      .uuid = {},
      .filesystem_checksums = has_checksums(),
      .wants_64bit = ext2fs_has_feature_64bit(fs_->super) != 0,
  };
  std::copy_n(fs_->super->s_uuid, geometry.uuid.size(), geometry.uuid.begin());
  const auto inode = this->inode(fs_->super->s_journal_inum);
  if (!inode || !inode->is_file())
    return fail(Errc::kCorrupted, "the inode of its journal is damaged; run e2fsck on it");
  InodeBlocks blocks(*this, *inode);
  const std::uint64_t length = inode->size() / block_size();
  std::vector<BlockRange> ranges;
  for (std::uint64_t at = 0; at < length;) {
    if (ranges.size() >= kMostJournalRuns || at >= block_count())
      return fail(Errc::kCorrupted, "its journal is larger than it can be; run e2fsck on it");
    const auto run = blocks.map().find(at, length - at);
    if (!run || run->state != RunState::kWritten || run->count == 0)
      return fail(Errc::kCorrupted, "its journal has holes; run e2fsck on it");
    geometry.runs.push_back(
        {.start = run->physical, .count = static_cast<std::uint32_t>(run->count)});
    ranges.push_back({.start = run->physical, .count = run->count});
    at += run->count;
  }
  TRY(auto journal, Journal::open(io_, std::move(geometry)));
  if (journal.needs_replay()) {
    fitness_ = {.mode = MountMode::kReadOnly,
                .reason = "its journal must be replayed first; run e2fsck on it"};
    return {};
  }
  journal_.emplace(std::move(journal));
  allocator_->protect(ranges);
  return {};
}

void Volume::begin_writing() {
  if (protection_) protection_->keep([this] { lose_claim(); });
  const std::scoped_lock committing(commit_mutex_);
  {
    const Operation operation(*this);
    ext2_super_block& super = *fs_->super;
    super.s_state &= static_cast<std::uint16_t>(~EXT2_VALID_FS);
    ++super.s_mnt_count;
    super.s_mtime = static_cast<std::uint32_t>(std::time(nullptr));
    if (journal_) ext2fs_set_feature_journal_needs_recovery(&super);
    stamp_superblock();
    mark_ = super;
    background_.soon();
  }
  background_.start([this] { return write_back().has_value(); });
}

// Straight to its place: the journal may only be used once the superblock says that it is. As it
// was when nothing had changed yet, because what has changed since belongs into the journal.
Outcome<void> Volume::mark_in_use() {
  if (!mark_) return {};
  TRY_VOID(io_.write(SUPERBLOCK_OFFSET, std::as_bytes(std::span(&*mark_, 1))));
  TRY_VOID(io_.flush());
  mark_.reset();
  return {};
}

Outcome<void> Volume::require_writable() const {
  if (!writable() || closing_ || failure_ != 0) return refuse(EROFS);
  return {};
}

Outcome<void> Volume::require_intact() const {
  if (const int failure = failure_; failure != 0) return refuse(failure);
  return {};
}

void Volume::stamp_superblock() {
  allocator_->store_counts();
  fs_->super->s_wtime = static_cast<std::uint32_t>(std::time(nullptr));
  if (has_checksums()) keep_superblock_checksum(*fs_->super);
}

// Not for its counters of free blocks and inodes: those are right in the group descriptors, and
// everybody counts them there when the volume was not left clean. So the one block without which
// there is no volume is hardly ever being written when the power goes.
Outcome<void> Volume::store_superblock() {
  superblock_changed_ = false;
  stamp_superblock();
  TRY(const auto bytes, cache_.read(SUPERBLOCK_OFFSET / block_size()));
  std::memcpy(bytes.data() + SUPERBLOCK_OFFSET % block_size(), fs_->super, SUPERBLOCK_SIZE);
  cache_.changed(SUPERBLOCK_OFFSET / block_size());
  return {};
}

Outcome<Inode> Volume::inode(std::uint32_t number) {
  const bool ordinary = number == EXT2_ROOT_INO || number >= EXT2_FIRST_INODE(fs_->super) ||
                        number == fs_->super->s_journal_inum;
  if (!ordinary || number == 0 || number > fs_->super->s_inodes_count) return refuse(EUCLEAN);
  const std::uint32_t index = (number - 1) % fs_->super->s_inodes_per_group;
  const std::uint32_t per_block = block_size() / inode_size();
  const std::uint64_t table = ext2fs_inode_table_loc(fs_.get(), group_of_inode(number));
  const std::uint64_t block = table + index / per_block;
  const std::uint32_t left =
      static_cast<std::uint32_t>(fs_->inode_blocks_per_group) - index / per_block;
  TRY(const auto bytes, cache_.read(block, std::min(kInodeReadAhead, left)));
  const std::uint32_t position = index % per_block;
  const Inode inode(number, bytes.subspan(std::size_t{position} * inode_size(), inode_size()));
  if (!has_checksums()) return inode;
  const std::uint64_t mark = position < 64 ? std::uint64_t{1} << position : 0;
  std::uint64_t& marks = cache_.marks(block);
  if (mark == 0 || (marks & mark) == 0) {
    if (ext2fs_inode_csum_verify(fs_.get(), number, &inode.raw()) == 0) {
      log(LogLevel::kError, "inode {} has a wrong checksum", number);
      return refuse(EUCLEAN);
    }
    marks |= mark;
  }
  return inode;
}

Outcome<Inode> Volume::fresh_inode(std::uint32_t number) {
  const std::uint32_t index = (number - 1) % fs_->super->s_inodes_per_group;
  const std::uint32_t per_block = block_size() / inode_size();
  const std::uint64_t block =
      ext2fs_inode_table_loc(fs_.get(), group_of_inode(number)) + index / per_block;
  TRY(const auto bytes, cache_.read(block, kInodeReadAhead));
  const auto mine = bytes.subspan(std::size_t{index % per_block} * inode_size(), inode_size());
  const std::uint32_t generation = Inode(number, mine).raw().i_generation;
  std::memset(mine.data(), 0, mine.size());
  Inode inode(number, mine);
  inode.raw().i_generation = generation + 1;
  if (inode_size() > EXT2_GOOD_OLD_INODE_SIZE) {
    const std::uint16_t wanted = fs_->super->s_want_extra_isize;
    const std::size_t room = inode_size() - EXT2_GOOD_OLD_INODE_SIZE;
    constexpr std::uint16_t kKnown = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
    inode.raw().i_extra_isize = wanted >= 4 && wanted <= room && wanted % 4 == 0 ? wanted : kKnown;
  }
  return inode;
}

std::uint64_t Volume::block_of_inode(std::uint32_t number) const {
  const std::uint32_t index = (number - 1) % fs_->super->s_inodes_per_group;
  return ext2fs_inode_table_loc(fs_.get(), group_of_inode(number)) +
         index / (block_size() / inode_size());
}

void Volume::inode_changed(const Inode& inode) {
  const std::uint32_t index = (inode.number() - 1) % fs_->super->s_inodes_per_group;
  const std::uint32_t per_block = block_size() / inode_size();
  if (has_checksums()) (void)ext2fs_inode_csum_set(fs_.get(), inode.number(), &inode.raw());
  const std::uint64_t block = block_of_inode(inode.number());
  if (index % per_block < 64) cache_.marks(block) |= std::uint64_t{1} << (index % per_block);
  cache_.changed(block);
}

std::uint32_t Volume::inode_seed(const Inode& inode) const {
  const std::uint32_t number = inode.number();
  const std::uint32_t generation = inode.raw().i_generation;
  const auto* number_bytes = reinterpret_cast<const unsigned char*>(&number);
  const auto* generation_bytes = reinterpret_cast<const unsigned char*>(&generation);
  return ext2fs_crc32c_le(ext2fs_crc32c_le(fs_->csum_seed, number_bytes, sizeof number),
                          generation_bytes, sizeof generation);
}

// The chain runs through i_dtime, newest first, ending with 0.
Outcome<void> Volume::add_orphan(const Inode& inode) {
  ++own_orphans_;
  inode.raw().i_dtime = fs_->super->s_last_orphan;
  inode_changed(inode);
  fs_->super->s_last_orphan = inode.number();
  superblock_changed_ = true;
  return {};
}

Outcome<void> Volume::remove_orphan(const Inode& inode) {
  const std::uint32_t next = inode.raw().i_dtime;
  if (fs_->super->s_last_orphan == inode.number()) {
    own_orphans_ -= std::min(own_orphans_, 1u);
    fs_->super->s_last_orphan = next;
    superblock_changed_ = true;
    return {};
  }
  std::uint32_t at = fs_->super->s_last_orphan;
  for (std::uint32_t steps = 0; at != 0 && steps < own_orphans_; ++steps) {
    TRY(const Inode before, this->inode(at));
    if (before.raw().i_dtime == inode.number()) {
      --own_orphans_;
      before.raw().i_dtime = next;
      inode_changed(before);
      return {};
    }
    at = before.raw().i_dtime;
  }
  return {};  // not in the chain: nothing to take out
}

bool Volume::has_extents() const {
  return ext2fs_has_feature_extents(fs_->super) != 0;
}
bool Volume::has_inline_data() const {
  return ext2fs_has_feature_inline_data(fs_->super) != 0;
}

std::string Volume::label() const {
  const char* bytes = reinterpret_cast<const char*>(fs_->super->s_volume_name);
  return {bytes, ::strnlen(bytes, sizeof fs_->super->s_volume_name)};
}

Outcome<void> Volume::set_label(std::string_view label) {
  auto& field = fs_->super->s_volume_name;
  if (label.size() > sizeof field) return refuse(EINVAL);
  std::memset(field, 0, sizeof field);
  std::memcpy(field, label.data(), label.size());
  superblock_changed_ = true;
  return {};
}

void Volume::require_feature_large_file() {
  if (ext2fs_has_feature_large_file(fs_->super) != 0) return;
  ext2fs_set_feature_large_file(fs_->super);
  superblock_changed_ = true;
}

void Volume::require_feature_attributes() {
  if (ext2fs_has_feature_xattr(fs_->super) != 0) return;
  ext2fs_set_feature_xattr(fs_->super);
  superblock_changed_ = true;
}

std::uint64_t Volume::overhead_blocks() const {
  // What statfs leaves out of the total: everything that can never hold file data.
  std::uint64_t overhead = fs_->super->s_first_data_block;
  for (std::uint32_t group = 0; group < fs_->group_desc_count; ++group) {
    overhead += ext2fs_bg_has_super(fs_.get(), static_cast<int>(group))
                    ? 1 + fs_->desc_blocks + fs_->super->s_reserved_gdt_blocks
                    : 0;
    overhead += 2 + fs_->inode_blocks_per_group;
  }
  if (journal_ || ext2fs_has_feature_journal(fs_->super))
    overhead += fs_->super->s_jnl_blocks[16] / block_size();
  return overhead;
}

}  // namespace airlock::ext
