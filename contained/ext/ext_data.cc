// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "contained/ext/ext_driver.h"
#include "lib/base/defer.h"

// File data goes straight between the caller's memory and the medium. New blocks are reserved
// first, written, and only then put into the file, so no commit in between can show what an
// earlier owner left in them.
namespace airlock::ext {
namespace {

constexpr std::size_t kZeroBytes = 65536;
constexpr std::uint64_t kMostExtentBlocks = 0xffff'ffff;  // the last one has no number

std::span<const std::byte> zeroes(std::size_t count) {
  static const std::array<std::byte, kZeroBytes> bytes = {};
  return std::span(bytes).first(count);
}

iovec part_of(std::span<const std::byte> bytes) {
  // Gather writes only read from their parts; iovec has no const form.
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

std::uint64_t ExtDriver::largest_file(const Inode& inode) const {
  const std::uint64_t blocks = inode.has_flag(EXT4_EXTENTS_FL)
                                   ? kMostExtentBlocks
                                   : IndirectMap::capacity(volume_.block_size());
  return blocks * volume_.block_size();
}

// Where the blocks [first, end) are. What is missing in the answer is a hole.
Outcome<ExtDriver::Segments> ExtDriver::mapped_segments(InodeBlocks& blocks, std::uint64_t first,
                                                        std::uint64_t end) {
  Segments segments;
  for (std::uint64_t at = first; at < end;) {
    TRY(const Run run, blocks.map().find(at, end - at));
    if (run.count == 0) return refuse(EUCLEAN);
    if (run.state != RunState::kHole)
      segments.push_back({.logical = at,
                          .physical = run.physical,
                          .count = run.count,
                          .kind = run.state == RunState::kWritten ? Segment::Kind::kWritten
                                                                  : Segment::Kind::kUnwritten});
    at += run.count;
  }
  return segments;
}

Outcome<std::size_t> ExtDriver::read(NodeId node, std::uint64_t offset, std::span<std::byte> into) {
  const auto file = locks_.keep_still(number_of(node));
  Segments segments;
  const std::uint64_t block_size = volume_.block_size();
  {
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, inode_of(node));
    if (!inode.is_file()) return refuse(inode.is_directory() ? EISDIR : EINVAL);
    if (offset >= inode.size()) return 0;
    into = into.first(std::min<std::uint64_t>(into.size(), inode.size() - offset));
    if (inode.has_flag(EXT4_INLINE_DATA_FL)) {
      TRY(const auto content, inline_content(inode));
      if (offset >= content.size()) return 0;
      const std::size_t count = std::min(into.size(), content.size() - offset);
      std::memcpy(into.data(), content.data() + offset, count);
      return count;
    }
    InodeBlocks blocks(volume_, inode);
    TRY(segments, mapped_segments(blocks, offset / block_size,
                                  (offset + into.size() + block_size - 1) / block_size));
  }
  const std::uint64_t end = offset + into.size();
  std::uint64_t done = offset;
  const auto fill_to = [&](std::uint64_t to) {
    if (to > done) std::memset(into.data() + (done - offset), 0, to - done);
    done = std::max(done, to);
  };
  for (const Segment& segment : segments) {
    if (segment.kind != Segment::Kind::kWritten) continue;
    const std::uint64_t from = std::max(segment.logical * block_size, offset);
    const std::uint64_t to = std::min((segment.logical + segment.count) * block_size, end);
    fill_to(from);
    TRY_VOID(volume_.io().read(segment.physical * block_size + from - segment.logical * block_size,
                               into.subspan(from - offset, to - from)));
    done = to;
  }
  fill_to(end);
  return into.size();
}

// Like mapped_segments(), with reserved blocks where there were holes; ascending and complete.
Outcome<ExtDriver::Segments> ExtDriver::plan_write(InodeBlocks& blocks, std::uint64_t first,
                                                   std::uint64_t end) {
  Segments segments;
  std::uint64_t goal = 0;
  if (first > 0) {
    TRY(const Run before, blocks.map().find(first - 1, 1));
    if (before.state != RunState::kHole) goal = before.physical + 1;
  }
  Defer undo([&] { cancel(segments); });
  for (std::uint64_t at = first; at < end;) {
    TRY(const Run run, blocks.map().find(at, end - at));
    if (run.count == 0) return refuse(EUCLEAN);
    Segment segment = {.logical = at, .physical = run.physical, .count = run.count};
    segment.kind =
        run.state == RunState::kUnwritten ? Segment::Kind::kUnwritten : Segment::Kind::kWritten;
    if (run.state == RunState::kHole) {
      TRY(const BlockRange range,
          volume_.allocator().reserve_blocks(goal != 0 ? goal : blocks.goal(), run.count));
      segment.physical = range.start;
      segment.count = range.count;
      segment.kind = Segment::Kind::kNew;
    }
    segments.push_back(segment);
    at += segment.count;
    goal = segment.physical + segment.count;
  }
  undo.dismiss();
  return segments;
}

void ExtDriver::cancel(const Segments& segments) {
  for (const Segment& segment : segments) {
    if (segment.kind == Segment::Kind::kNew)
      volume_.allocator().cancel_reserved({segment.physical, segment.count});
  }
}

// Writes `from` at the offset of the file into the segments that cover it. Blocks that held
// nothing so far get zeroes around it.
Outcome<void> ExtDriver::write_segments(const Segments& segments, std::uint64_t offset,
                                        std::span<const std::byte> from) {
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t end = offset + from.size();
  for (const Segment& segment : segments) {
    const std::uint64_t low = segment.logical * block_size;
    const std::uint64_t high = low + segment.count * block_size;
    const std::uint64_t start = std::max(low, offset);
    const std::uint64_t stop = std::min(high, end);
    std::array<iovec, 3> parts = {};
    std::size_t count = 0;
    std::uint64_t at = start;
    const bool pad = segment.kind != Segment::Kind::kWritten;
    if (pad && start > low) {
      parts[count++] = part_of(zeroes(start - low));
      at = low;
    }
    parts[count++] = part_of(from.subspan(start - offset, stop - start));
    if (pad && stop < high) parts[count++] = part_of(zeroes(high - stop));
    TRY_VOID(volume_.io().write_gather(segment.physical * block_size + (at - low),
                                       std::span(parts).first(count)));
  }
  return {};
}

// Puts what was written into the file.
Outcome<void> ExtDriver::adopt_segments(InodeBlocks& blocks, const Segments& segments) {
  volume_.note_new_data();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    Outcome<void> done;
    if (segment.kind == Segment::Kind::kNew) {
      done = blocks.adopt({.logical = segment.logical,
                           .physical = segment.physical,
                           .count = segment.count,
                           .state = RunState::kWritten});
    } else if (segment.kind == Segment::Kind::kUnwritten) {
      done = blocks.map().mark_written(segment.logical, segment.count);
    }
    if (!done) {
      cancel(Segments(segments.begin() + static_cast<std::ptrdiff_t>(i) + 1, segments.end()));
      return done;
    }
  }
  return {};
}

Outcome<Written> ExtDriver::write(NodeId node, std::uint64_t offset,
                                  std::span<const std::byte> from, const WriteOptions& options) {
  auto written = write_once(node, offset, from, options);
  return options.from_cache ? as_write_back(std::move(written)) : written;
}

Outcome<Written> ExtDriver::write_once(NodeId node, std::uint64_t offset,
                                       std::span<const std::byte> from,
                                       const WriteOptions& options) {
  if (from.empty()) return Written{};
  TRY(const bool done, overwrite(node, offset, from, options));
  if (!done) TRY_VOID(with_space([&] { return extend(node, offset, from, options); }));
  return Written{.count = from.size(), .occupies_more = !done};
}

// The common case: every block is there already. False where one is not.
Outcome<bool> ExtDriver::overwrite(NodeId node, std::uint64_t offset,
                                   std::span<const std::byte> from, const WriteOptions& options) {
  const auto file = locks_.keep_still(number_of(node));
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t end = offset + from.size();
  Segments segments;
  bool after = false;
  {
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, changeable(node));
    if (!inode.is_file()) return refuse(inode.is_directory() ? EISDIR : EINVAL);
    if (inode.has_flag(EXT4_INLINE_DATA_FL)) return false;
    // Beyond the end the zeroes between the old end and the offset are to be made first.
    if (offset > inode.size()) return false;
    InodeBlocks blocks(volume_, inode);
    const std::uint64_t last = (end - 1) / block_size + 1;
    TRY(segments, mapped_segments(blocks, offset / block_size, last));
    std::uint64_t covered = 0;
    for (const Segment& segment : segments)
      covered += segment.kind == Segment::Kind::kWritten ? segment.count : 0;
    if (covered != last - offset / block_size) return false;
    after = end > inode.size() || !options.from_cache || options.drop_privileges;
  }
  TRY_VOID(write_segments(segments, offset, from));
  if (after) TRY_VOID(after_write(node, end, options));
  return true;
}

Outcome<void> ExtDriver::extend(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                                const WriteOptions& options) {
  const auto file = locks_.change(number_of(node));
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t end = offset + from.size();
  Segments segments;
  {
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, changeable(node));
    if (end > largest_file(inode) || end < offset) return refuse(EFBIG);
    if (inode.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_file(inode));
    if (offset > inode.size()) TRY_VOID(zero_range(inode, inode.size(), offset));
    InodeBlocks blocks(volume_, inode);
    TRY(segments, plan_write(blocks, offset / block_size, (end - 1) / block_size + 1));
  }
  auto done = write_segments(segments, offset, from);
  const Volume::Operation operation(volume_);
  auto inode = changeable(node);
  if (done && !inode) done = std::unexpected(inode.error());
  if (!done) {
    cancel(segments);
    return done;
  }
  InodeBlocks blocks(volume_, *inode);
  done = adopt_segments(blocks, segments);
  if (!done) {
    // What was adopted before the map ran out of space must not stay behind the end of the file.
    const std::uint64_t behind = (inode->size() + block_size - 1) / block_size;
    const std::uint64_t first = std::max(behind, segments.front().logical);
    const std::uint64_t last = segments.back().logical + segments.back().count;
    if (first < last) (void)blocks.map().remove(first, last - first);
  }
  if (done && end > inode->size()) inode->set_size(end);
  if (done && inode->size() > INT32_MAX) volume_.require_feature_large_file();
  if (!options.from_cache) touch(*inode, /*modified=*/true);
  if (options.drop_privileges) drop_privileges(*inode);
  volume_.inode_changed(*inode);
  return done;
}

Outcome<void> ExtDriver::after_write(NodeId node, std::uint64_t end, const WriteOptions& options) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, changeable(node));
  if (end > inode.size()) inode.set_size(end);
  if (inode.size() > INT32_MAX) volume_.require_feature_large_file();
  if (!options.from_cache) touch(inode, /*modified=*/true);
  if (options.drop_privileges) drop_privileges(inode);
  volume_.inode_changed(inode);
  return {};
}

// Zeroes on the medium what is mapped and written of [offset, end), at most to the end of the
// block of the offset: what lies behind the old end of a file that grows.
Outcome<void> ExtDriver::zero_range(const Inode& inode, std::uint64_t offset, std::uint64_t end) {
  const std::uint64_t block_size = volume_.block_size();
  const std::uint64_t inside = offset % block_size;
  if (inside == 0 || inode.has_flag(EXT4_INLINE_DATA_FL)) return {};
  InodeBlocks blocks(volume_, inode);
  TRY(const Run run, blocks.map().find(offset / block_size, 1));
  if (run.state != RunState::kWritten) return {};
  const std::uint64_t count = std::min(block_size - inside, end - offset);
  return volume_.io().write(run.physical * block_size + inside, zeroes(count));
}

// A map may lead over any number of holes and pieces, so others have the lock now and then.
Outcome<std::uint64_t> ExtDriver::seek(NodeId node, std::uint64_t offset, int whence) {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return refuse(EINVAL);
  const std::uint64_t block_size = volume_.block_size();
  std::uint64_t at = offset / block_size;
  std::optional<Work> work;
  Volume::Operation operation(volume_);
  for (;;) {
    TRY(const Inode inode, inode_of(node));
    if (!inode.is_file()) return refuse(EINVAL);
    const std::uint64_t size = inode.size();
    if (offset >= size) return refuse(ENXIO);
    if (inode.has_flag(EXT4_INLINE_DATA_FL)) return whence == SEEK_DATA ? offset : size;
    InodeBlocks blocks(volume_, inode);
    if (!work) work = InodeBlocks::work_for(volume_, inode);
    const std::uint64_t end = (size + block_size - 1) / block_size;
    TRY(const bool found, seek_turn(blocks, *work, at, end, whence));
    if (found) return std::min(std::max(at * block_size, offset), size);
    if (at >= end) return whence == SEEK_HOLE ? Outcome<std::uint64_t>(size) : refuse(ENXIO);
    TRY_VOID(operation.pause());
    work->begin_turn();
  }
}

// Whether there is data, or a hole, at the place where it stops; if not, the end or the turn has
// come.
Outcome<bool> ExtDriver::seek_turn(InodeBlocks& blocks, Work& work, std::uint64_t& at,
                                   std::uint64_t end, int whence) {
  while (at < end && !work.turn_is_over()) {
    TRY(const Run run, blocks.map().find(at, end - at));
    if (run.count == 0) return refuse(EUCLEAN);
    const bool data = run.state == RunState::kWritten;
    if (data == (whence == SEEK_DATA)) return true;
    at += run.count;
    work.add(blocks.take_visits());
    if (work.is_justified()) continue;
    blocks.damaged("its map leads to more than it has");
    return refuse(EUCLEAN);
  }
  return false;
}

}  // namespace airlock::ext
