// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/journal.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>
#include <utility>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint32_t kSmallestBlock = 1024;
constexpr std::uint32_t kLargestBlock = 65536;

Result<void> check_runs(const JournalGeometry& geometry) {
  std::vector<JournalRun> runs = geometry.runs;
  std::ranges::sort(runs, {}, &JournalRun::start);
  std::uint64_t free_from = 1;  // block 0 never belongs to a file
  for (const JournalRun& run : runs) {
    const auto end = checked_add<std::uint64_t>(run.start, run.count);
    if (run.count == 0 || run.start < free_from || !end || *end > geometry.filesystem_blocks)
      return fail(Errc::kCorrupted, "the journal's file has impossible blocks: {} from {} on",
                  run.count, run.start);
    free_from = *end;
  }
  return {};
}

Result<void> check_geometry(const JournalGeometry& geometry, const BlockIo& medium) {
  if (!std::has_single_bit(geometry.block_size) || geometry.block_size < kSmallestBlock ||
      geometry.block_size > kLargestBlock)
    return fail(Errc::kCorrupted, "a journal cannot have blocks of {} bytes", geometry.block_size);
  const auto size =
      checked_multiply<std::uint64_t>(geometry.filesystem_blocks, geometry.block_size);
  if (!size || *size > medium.size())
    return fail(Errc::kCorrupted, "the filesystem is larger than its medium");
  if (geometry.runs.empty()) return fail(Errc::kCorrupted, "the journal's file is empty");
  return check_runs(geometry);
}

std::uint64_t total_blocks(const std::vector<JournalRun>& runs) {
  std::uint64_t total = 0;
  for (const JournalRun& run : runs) total += run.count;
  return total;
}

}  // namespace

Result<Journal> Journal::open(BlockIo& medium, JournalGeometry geometry) {
  TRY_VOID(check_geometry(geometry, medium));
  JournalSuperblock::Bytes bytes = {};
  const std::uint64_t offset = geometry.runs.front().start * geometry.block_size;
  if (auto read = medium.read(offset, bytes); !read)
    return fail_errno(read.error().value, Errc::kIo, "read the journal superblock");
  TRY(auto superblock,
      JournalSuperblock::parse(bytes, geometry.block_size, total_blocks(geometry.runs)));
  const bool too_wide = geometry.filesystem_blocks > std::numeric_limits<std::uint32_t>::max();
  if (too_wide && !superblock.has_features())
    return fail(Errc::kUnsupported, "a version 1 journal cannot name {} blocks",
                geometry.filesystem_blocks);
  if (superblock.start() == 0)
    superblock.choose_features(geometry.filesystem_checksums, geometry.wants_64bit || too_wide);
  return Journal(medium, std::move(geometry), superblock);
}

Journal::Journal(BlockIo& medium, JournalGeometry&& geometry, const JournalSuperblock& superblock)
    : medium_(&medium),
      geometry_(std::move(geometry)),
      superblock_(superblock),
      format_(superblock.format(geometry_.uuid)),
      whole_{.first = superblock.first(), .count = superblock.length() - superblock.first()},
      // The number after a clean end was never used for a transaction; see journal.md.
      next_sequence_(superblock.sequence()),
      found_in_use_(superblock.start() != 0) {
  low_ = {.first = whole_.first, .count = whole_.count / 2};
  high_ = {.first = low_.first + low_.count, .count = whole_.count - low_.count};
}

std::uint32_t Journal::capacity() const {
  return format_.blocks_that_fit(low_.count);
}

std::uint32_t Journal::largest_transaction() const {
  return format_.blocks_that_fit(whole_.count);
}

Outcome<void> Journal::commit(std::span<const JournalBlock> blocks) {
  if (failure_) return std::unexpected(*failure_);
  if (needs_replay()) return refuse(EUCLEAN);
  if (!well_formed(blocks)) return refuse(EINVAL);
  if (blocks.empty()) return final_if_failed(medium_->flush());
  if (blocks.size() > largest_transaction()) {
    TRY_VOID(clean());
    return refuse(E2BIG);
  }
  return final_if_failed(write_transaction(blocks));
}

Outcome<void> Journal::clean() {
  if (failure_) return std::unexpected(*failure_);
  if (needs_replay()) return refuse(EUCLEAN);
  return final_if_failed(make_clean());
}

bool Journal::well_formed(std::span<const JournalBlock> blocks) const {
  return std::ranges::all_of(blocks, [this](const JournalBlock& block) {
    return block.block < geometry_.filesystem_blocks && block.data.size() == geometry_.block_size;
  });
}

// An area that a replay of the live transaction does not read.
Outcome<Journal::Area> Journal::choose_area(std::uint64_t log_blocks) {
  const bool fits_a_half = log_blocks <= low_.count;
  const bool live_everywhere = live_ && *live_ == whole_;
  if (!fits_a_half || live_everywhere) TRY_VOID(make_clean());
  if (!fits_a_half) return whole_;
  return live_ && *live_ == low_ ? high_ : low_;
}

// The order of these steps matters; journal.md says what each crash leaves.
Outcome<void> Journal::write_transaction(std::span<const JournalBlock> blocks) {
  TRY(const Area area, choose_area(format_.log_blocks_for(blocks.size())));
  const std::uint32_t sequence = next_sequence_;
  TransactionImage image(format_, sequence, blocks);
  // Two zero blocks end the image: the commit block's place and the stopper.
  const auto commit_at = static_cast<std::uint32_t>(area.first + image.parts().size() - 2);
  TRY_VOID(write_log(area.first, image.parts()));
  TRY_VOID(medium_->flush());

  std::vector<std::byte> commit = commit_block(format_, sequence);
  iovec part = {.iov_base = commit.data(), .iov_len = commit.size()};
  TRY_VOID(write_log(commit_at, std::span(&part, 1)));
  TRY_VOID(point_superblock_at(area.first, sequence));
  TRY_VOID(medium_->flush());
  live_ = area;
  ++next_sequence_;
  return {};
}

// One write for each run of the journal's file that the blocks span. One part is one log block.
Outcome<void> Journal::write_log(std::uint32_t log_block, std::span<iovec> parts) {
  std::uint64_t skip = log_block;
  for (const JournalRun& run : geometry_.runs) {
    if (parts.empty()) break;
    if (skip >= run.count) {
      skip -= run.count;
      continue;
    }
    const std::size_t count = std::min<std::size_t>(parts.size(), run.count - skip);
    TRY_VOID(medium_->write_gather(offset_of(run.start + skip), parts.first(count)));
    parts = parts.subspan(count);
    skip = 0;
  }
  return parts.empty() ? Outcome<void>{} : refuse(EIO);
}

Outcome<void> Journal::point_superblock_at(std::uint32_t start, std::uint32_t sequence) {
  superblock_.point_at(start, sequence);
  return medium_->write(offset_of(geometry_.runs.front().start), superblock_.bytes());
}

Outcome<void> Journal::make_clean() {
  TRY_VOID(medium_->flush());
  if (!live_) return {};
  TRY_VOID(point_superblock_at(0, next_sequence_));
  TRY_VOID(medium_->flush());
  live_.reset();
  return {};
}

std::uint64_t Journal::offset_of(std::uint64_t physical_block) const {
  return physical_block * geometry_.block_size;
}

Outcome<void> Journal::final_if_failed(Outcome<void> outcome) {
  if (!outcome) failure_ = outcome.error();
  return outcome;
}

}  // namespace airlock::ext
