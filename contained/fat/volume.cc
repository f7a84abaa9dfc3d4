// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/volume.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "contained/fat/info_sector.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// Bounds what the driver keeps in memory: clean blocks beyond this are dropped.
constexpr std::size_t kTableBytes = std::size_t{4} << 20;
constexpr std::size_t kDirectoryBytes = std::size_t{8} << 20;
constexpr std::uint32_t kAheadBytes = 65536;

constexpr unsigned kStateDirty = 1;
constexpr unsigned kStateErrors = 2;

std::string error_text(Errno error) {
  return std::error_code(error.value, std::system_category()).message();
}

}  // namespace

Volume::Volume(BlockIo& io, const Geometry& geometry, std::optional<std::uint32_t> free,
               std::uint32_t hint)
    : io_(io),
      geometry_(geometry),
      table_cache_(io, geometry.block_size, geometry.end() / geometry.block_size,
                   kTableBytes / geometry.block_size),
      blocks_(io, geometry.block_size, geometry.end() / geometry.block_size,
              kDirectoryBytes / geometry.block_size),
      table_(table_cache_, geometry_),
      space_(table_, geometry_, free, hint) {}

Volume::~Volume() = default;

Result<std::unique_ptr<Volume>> Volume::open(BlockIo& io, MountMode wanted) {
  TRY(const Geometry geometry, read_geometry(io));
  const InfoSector info = read_info_sector(io, geometry);
  std::unique_ptr<Volume> probe(new Volume(io, geometry, std::nullopt, kFirstCluster));
  const auto reason = probe->find_reason();
  if (!reason)
    return fail_errno(reason.error().value, Errc::kIo, "cannot read the allocation table");
  // A volume that was not left in good order may have a wrong count too.
  const auto free = reason->empty() ? info.free : std::nullopt;
  std::unique_ptr<Volume> volume(new Volume(io, geometry, free, info.hint.value_or(kFirstCluster)));
  if (wanted == MountMode::kReadOnly) {
    volume->mode_ = MountMode::kReadOnly;
  } else if (!reason->empty() || !io.writable()) {
    volume->mode_ = MountMode::kReadOnly;
    volume->reason_ = reason->empty() ? "the medium is write-protected" : *reason;
  }
  return volume;
}

// Why it must not be written; empty if it may.
Outcome<std::string> Volume::find_reason() {
  TRY(const bool clean, table_.is_marked_clean());
  TRY(const bool sound, table_.is_marked_sound());
  if (!sound || (geometry_.state & kStateErrors) != 0)
    return "errors were found on it before; check it with fsck.fat";
  if (!clean || (geometry_.state & kStateDirty) != 0)
    return "it was not unmounted cleanly; check it with fsck.fat";
  return std::string();
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

// Writes the marks straight to the medium. At that moment the table has no other change.
Outcome<void> Volume::mark_medium(bool clean) {
  TRY_VOID(table_.mark_clean(clean));
  const auto changes = table_cache_.take_changed();
  auto done = write_ordered(changes, {}, Copies::kAllTables);
  table_cache_.written(changes);
  if (done) done = write_state_byte(clean);
  if (done) done = io_.flush();
  return done;
}

Outcome<void> Volume::begin_change() {
  if (!writable() || failure_ != 0) return refuse(EROFS);
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
  const std::uint64_t offset = block * geometry_.block_size;
  const std::uint64_t end = offset < geometry_.data_offset
                                ? geometry_.data_offset
                                : offset + geometry_.cluster_size -
                                      (offset - geometry_.data_offset) % geometry_.cluster_size;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(end - offset, kAheadBytes) /
                                    geometry_.block_size);
}

Outcome<void> Volume::require_order(std::uint64_t before, std::uint64_t after) {
  return block_order_.require(before, after) ? Outcome<void>{} : refuse(kCommitFirst);
}

Outcome<void> Volume::append(ClusterChain& chain, const ClusterRun& run) {
  TRY(const std::uint32_t tail, chain.last(table_));
  const std::uint32_t anchor = chain.anchor(batch_, tail);
  // The table of a FAT12 is always written as a whole.
  if (anchor != 0 && geometry_.kind != FatKind::k12) {
    const std::uint64_t last = table_.block_of(run.end() - 1);
    for (std::uint64_t block = table_.block_of(run.start); block <= last; ++block) {
      if (!table_order_.require(block, table_.block_of(anchor))) return refuse(kCommitFirst);
    }
  }
  TRY_VOID(table_.chain(run, {TableEntry::Kind::kEnd, 0}));
  if (tail != 0) TRY_VOID(table_.set(tail, {TableEntry::Kind::kNext, run.start}));
  chain.append(run);
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

Outcome<void> Volume::write_data(std::uint64_t offset, std::span<const std::byte> from) {
  TRY_VOID(io_.write(offset, from));
  data_written_ = true;
  return {};
}

Outcome<void> Volume::discard(const ClusterRun& run) {
  return io_.discard(geometry_.cluster_offset(run.start),
                     std::uint64_t{run.count} * geometry_.cluster_size);
}

Outcome<void> Volume::write_info() {
  return write_info_sector(io_, geometry_, {.free = space_.known_count(), .hint = space_.hint()});
}

Outcome<void> Volume::close() {
  if (!writable()) return {};
  background_.stop();
  // What one commit released the next one erases.
  constexpr int kCommitsToSettle = 4;
  for (int i = 0; i < kCommitsToSettle; ++i) TRY_VOID(commit());
  const std::scoped_lock committing(commit_mutex_);
  const std::scoped_lock lock(mutex_);
  mode_ = MountMode::kReadOnly;
  if (!in_use_) return {};
  TRY_VOID(write_info());
  TRY_VOID(io_.flush());
  return mark_medium(true);
}

}  // namespace airlock::fat
