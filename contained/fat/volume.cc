// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/volume.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "contained/fat/info_sector.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// The limits of clean blocks in memory; more are dropped.
constexpr std::size_t kTableBytes = std::size_t{4} << 20;
constexpr std::size_t kDirectoryBytes = std::size_t{8} << 20;
constexpr std::size_t kPageSize = 4096;

constexpr unsigned kStateDirty = 1;
constexpr unsigned kStateErrors = 2;

std::uint64_t blocks_behind(const Geometry& geometry) {
  return (geometry.end() - geometry.block_origin) / geometry.block_size;
}

std::string error_text(Errno error) {
  return std::error_code(error.value, std::system_category()).message();
}

}  // namespace

Volume::Volume(BlockIo& io, const Geometry& geometry, Known known)
    : io_(io),
      geometry_(geometry),
      reason_(std::move(known.reason)),
      table_cache_(io, geometry.table_block_size, geometry.end() / geometry.table_block_size,
                   kTableBytes / geometry.table_block_size),
      bitmap_cache_(io, geometry.block_size, blocks_behind(geometry),
                    is_exfat() ? kTableBytes / geometry.block_size : 0, geometry.block_origin),
      blocks_(io, geometry.block_size, blocks_behind(geometry),
              kDirectoryBytes / geometry.block_size, geometry.block_origin),
      table_(table_cache_, geometry_),
      bitmap_(bitmap_cache_, geometry_, std::move(known.bitmap)),
      space_(is_exfat() ? static_cast<AllocationMap&>(bitmap_) : table_, geometry_, known.free,
             known.hint) {}

std::unique_ptr<Volume> Volume::make(BlockIo& io, const Geometry& geometry, MountMode wanted,
                                     Known known) {
  if (wanted == MountMode::kReadOnly) {
    known.reason.clear();
  } else if (known.reason.empty() && !io.writable()) {
    known.reason = "the medium is write-protected";
  }
  const bool unclean = known.unclean;
  std::unique_ptr<Volume> volume(new Volume(io, geometry, std::move(known)));
  if (wanted == MountMode::kReadOnly || !volume->reason_.empty())
    volume->mode_ = MountMode::kReadOnly;
  // The mark is on the medium already, and has to be removed at the end.
  volume->in_use_ = unclean && volume->writable();
  return volume;
}

Volume::~Volume() = default;

Result<std::unique_ptr<Volume>> Volume::open(BlockIo& io, MountMode wanted) {
  TRY(const Geometry geometry, read_geometry(io));
  const InfoSector info = read_info_sector(io, geometry);
  const auto state = Volume(io, geometry, {}).find_state(wanted);
  if (!state) return fail_errno(state.error().value, Errc::kIo, "cannot read the allocation table");
  // A volume that was not unmounted cleanly may have a wrong count too.
  const bool in_order = state->reason.empty() && !state->unclean;
  return make(io, geometry, wanted,
              {.reason = state->reason,
               .free = in_order ? info.free : std::nullopt,
               .hint = info.hint.value_or(kFirstCluster),
               .bitmap = {},
               .unclean = state->unclean});
}

Outcome<Volume::State> Volume::find_state(MountMode wanted) {
  TRY(const bool clean, table_.is_marked_clean());
  TRY(const bool sound, table_.is_marked_sound());
  State state = {.reason = {}, .unclean = !clean || (geometry_.state & kStateDirty) != 0};
  if (!sound || (geometry_.state & kStateErrors) != 0)
    state.reason = "errors were found on it before; check it with fsck.fat";
  else if (state.unclean && wanted != MountMode::kChecked)
    state.reason = "it was not unmounted cleanly; check it with fsck.fat";
  return state;
}

void Volume::begin_writing() {
  background_.start([this] { return commit().has_value(); });
}

Outcome<void> Volume::write_state_byte(bool clean) {
  if (geometry_.state_at == 0) return {};
  std::vector<std::byte> sector(geometry_.sector_size);
  TRY_VOID(io_.read(0, sector));
  sector[geometry_.state_at] = static_cast<std::byte>(clean ? geometry_.state & ~kStateDirty
                                                            : geometry_.state | kStateDirty);
  return io_.write(0, sector);
}

// Unmounting does not wait for a large bitmap if no caller asked for the free space.
Outcome<std::uint8_t> Volume::percent_in_use() {
  constexpr std::uint8_t kUnknown = 0xff;
  constexpr std::uint32_t kFewSegments = 64;
  if (!space_.known_count() && space_.segment_count() > kFewSegments) return kUnknown;
  TRY(const std::uint64_t free, space_.count());
  const std::uint64_t used = geometry_.cluster_count - free;
  return static_cast<std::uint8_t>(used * 100 / geometry_.cluster_count);
}

// Neither this mark nor the percentage in use is part of the checksum of the boot sectors.
Outcome<void> Volume::write_exfat_state(bool clean) {
  constexpr unsigned kDirty = 2;
  constexpr unsigned kClearToZero = 8;
  constexpr std::size_t kPercentAt = 112;
  std::vector<std::byte> sector(geometry_.sector_size);
  TRY_VOID(io_.read(0, sector));
  const unsigned state = geometry_.state & ~(kDirty | kClearToZero);
  sector[geometry_.state_at] = static_cast<std::byte>(clean ? state : state | kDirty);
  if (clean) {
    TRY(const std::uint8_t percent, percent_in_use());
    sector[kPercentAt] = std::byte{percent};
  }
  TRY_VOID(io_.write(0, sector));
  return io_.flush();
}

// Writes the marks straight to the medium. At this point the table has no other change.
Outcome<void> Volume::mark_medium(bool clean) {
  if (is_exfat()) return write_exfat_state(clean);
  TRY_VOID(table_.mark_clean(clean));
  const auto changes = table_cache_.take_changed();
  auto done = write_ordered(table_cache_, changes, {}, Copies::kAllTables);
  table_cache_.written(changes);
  if (done) done = write_state_byte(clean);
  if (done) done = io_.flush();
  return done;
}

Outcome<void> Volume::begin_change() {
  if (!writable() || closing_ || failure_ != 0) return refuse(EROFS);
  if (in_use_) return {};
  if (auto marked = mark_medium(false); !marked) {
    failure_ = marked.error().value;
    log(LogLevel::kError, "the medium cannot be marked as in use ({}); it is read-only from now on",
        error_text(marked.error()));
    return marked;
  }
  in_use_ = true;
  return {};
}

std::uint32_t Volume::blocks_together(std::uint64_t block) const {
  const std::uint64_t offset = geometry_.block_origin + block * geometry_.block_size;
  const std::uint64_t end = offset < geometry_.data_offset
                                ? geometry_.data_offset
                                : offset + geometry_.cluster_size -
                                      (offset - geometry_.data_offset) % geometry_.cluster_size;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(end - offset, kAheadBytes) /
                                    geometry_.block_size);
}

Outcome<std::span<std::byte>> Volume::record(std::uint64_t position) {
  const std::uint64_t block = geometry_.block_of(position);
  TRY(const auto bytes, blocks_.read(block, blocks_together(block)));
  return bytes.subspan((position - geometry_.block_origin) % geometry_.block_size, kRecordSize);
}

Outcome<void> Volume::require_order(std::uint64_t before, std::uint64_t after) {
  return block_order_.require(before, after) ? Outcome<void>{} : refuse(kCommitFirst);
}

Outcome<void> Volume::require_cluster_first(std::uint32_t cluster, std::uint64_t after) {
  const std::uint64_t first = sector_of(geometry_.cluster_offset(cluster));
  const std::uint64_t count = geometry_.cluster_size / WriteOrder::kSectorSize;
  return block_order_.require_all(first, count, after) ? Outcome<void>{} : refuse(kCommitFirst);
}

Outcome<void> Volume::require_together(std::uint64_t sector) {
  return block_order_.join(sector) ? Outcome<void>{} : refuse(kCommitFirst);
}

// The links inside new clusters have to reach the medium before the link to them.
Outcome<void> Volume::order_link(ClusterChain& chain, const ClusterRun& run) {
  TRY(const std::uint32_t tail, chain.last(table_));
  const std::uint32_t anchor = chain.anchor(batch_, tail);
  // The table of FAT12 is always written as a whole.
  if (anchor == 0 || geometry_.kind == FatKind::k12) return {};
  const std::uint64_t last = table_.sector_of(run.end() - 1);
  for (std::uint64_t sector = table_.sector_of(run.start); sector <= last; ++sector) {
    if (!table_order_.require(sector, table_.sector_of(anchor))) return refuse(kCommitFirst);
  }
  return {};
}

Outcome<void> Volume::link(ClusterChain& chain, const ClusterRun& run) {
  TRY(const std::uint32_t tail, chain.last(table_));
  TRY_VOID(table_.chain(run, {TableEntry::Kind::kEnd, 0}));
  if (tail != 0) TRY_VOID(table_.set(tail, {TableEntry::Kind::kNext, run.start}));
  chain.append(run);
  return {};
}

ClusterChain Volume::empty_chain() const {
  return is_exfat() ? ClusterChain::contiguous({}) : ClusterChain(0);
}

Outcome<void> Volume::append(ClusterChain& chain, std::span<const ClusterRun> runs) {
  if (chain.is_linked()) {
    for (const ClusterRun& run : runs) TRY_VOID(order_link(chain, run));
  }
  if (is_exfat()) {
    for (const ClusterRun& run : runs) TRY_VOID(bitmap_.set(run, ClusterBitmap::Use::kUsed));
  }
  for (const ClusterRun& run : runs) {
    TRY(const std::uint32_t tail, chain.last(table_));
    if (!chain.is_linked() && (tail == 0 || tail + 1 == run.start)) {
      chain.append(run);
      continue;
    }
    if (!chain.is_linked()) {
      TRY(const std::uint32_t length, chain.length(table_));
      TRY_VOID(
          table_.chain({.start = chain.first(), .count = length}, {TableEntry::Kind::kEnd, 0}));
      chain.set_linked();
    }
    TRY_VOID(link(chain, run));
  }
  return {};
}

Outcome<void> Volume::write_directory_zeroes(const ClusterRun& run) {
  TRY_VOID(write_zeroes(run));
  const std::uint64_t first = geometry_.block_of(geometry_.cluster_offset(run.start));
  const std::uint64_t count =
      std::uint64_t{run.count} * geometry_.cluster_size / geometry_.block_size;
  for (std::uint64_t i = 0; i < count; ++i) blocks_.zeroed(first + i);
  zeroed_ = true;
  return {};
}

Outcome<void> Volume::clear_directory_clusters(const ClusterRun& run, Reach reach) {
  const std::uint64_t first = geometry_.cluster_offset(run.start) / geometry_.block_size;
  const std::uint64_t count =
      std::uint64_t{run.count} * geometry_.cluster_size / geometry_.block_size;
  for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(blocks_.fresh(first + i));
  if (reach == Reach::kReachable) cleared_.push_back(run);
  return {};
}

void Volume::release(std::vector<ClusterRun> runs, std::uint32_t new_end, Content content) {
  for (const ClusterRun& run : runs) {
    space_.given_up(run);
    pending_clusters_ += run.count;
  }
  releases_.push_back({.runs = std::move(runs), .new_end = new_end, .content = content});
}

std::size_t Volume::rest_of_page(std::uint64_t offset) const {
  const std::uint64_t inside = (offset - geometry_.data_offset) % geometry_.cluster_size;
  if (inside == 0 || offset % kPageSize == 0) return 0;
  return std::min<std::uint64_t>(geometry_.cluster_size - inside, kPageSize - offset % kPageSize);
}

Outcome<void> Volume::write_data(std::uint64_t offset, std::span<const std::byte> from,
                                 std::size_t behind) {
  static constexpr std::array<std::byte, kPageSize> kZeroes{};
  // Only read from; iovec has no const form.
  std::array<iovec, 2> parts = {
      iovec{.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()},
      iovec{.iov_base = const_cast<std::byte*>(kZeroes.data()), .iov_len = behind}};
  TRY_VOID(io_.write_gather(offset, std::span(parts).first(behind > 0 ? 2 : 1)));
  data_written_ = true;
  return {};
}

void Volume::clear_later(std::uint64_t offset, std::uint64_t end) {
  if (offset < end) tails_.push_back({.offset = offset, .end = end, .batch = batch_});
}

void Volume::keep_from_clearing(std::uint64_t offset, std::uint64_t end) {
  for (Tail& tail : tails_) {
    if (offset < tail.end && tail.offset < end) tail.offset = std::min(end, tail.end);
  }
}

Outcome<void> Volume::discard(const ClusterRun& run) {
  return io_.discard(geometry_.cluster_offset(run.start),
                     std::uint64_t{run.count} * geometry_.cluster_size);
}

Outcome<void> Volume::write_info() {
  return write_info_sector(io_, geometry_, {.free = space_.known_count(), .hint = space_.hint()});
}

std::uint32_t Volume::free_clusters() {
  constexpr std::chrono::milliseconds kPatience{100};
  {
    const Operation operation(*this);
    if (const auto known = space_.known_count()) return *known;
  }
  counter_.count(kPatience);
  const Operation operation(*this);
  return space_.most();
}

Outcome<std::uint32_t> Volume::read_map_ahead(std::uint32_t segment) {
  // More than the read-ahead of a block of the map.
  constexpr std::uint64_t kAtOnce = std::uint64_t{1} << 20;
  std::vector<std::byte> bytes;
  for (std::uint64_t done = 0; done < kAtOnce && segment < space_.segment_count(); ++segment) {
    for (const AllocationMap::Bytes& place : space_.place_of(segment)) {
      bytes.resize(place.length);
      TRY_VOID(io_.read(place.offset, bytes));
      done += place.length;
    }
  }
  return segment;
}

Outcome<void> Volume::close() {
  counter_.stop();
  if (!writable()) return {};
  {
    // A request that the medium held up may return during the last commits; its changes would then
    // never be written.
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  background_.stop();
  // One commit releases clusters, the next one erases them.
  constexpr int kCommitsToSettle = 4;
  for (int i = 0; i < kCommitsToSettle; ++i) TRY_VOID(commit());
  const std::scoped_lock committing(commit_mutex_);
  const std::scoped_lock lock(mutex_);
  mode_ = MountMode::kReadOnly;
  if (!in_use_) return {};
  if (!is_exfat()) TRY_VOID(write_info());
  TRY_VOID(io_.flush());
  return mark_medium(true);
}

}  // namespace airlock::fat
