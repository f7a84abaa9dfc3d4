// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <mutex>
#include <shared_mutex>

#include "contained/fat/fat_driver.h"
#include "contained/fat/session.h"

// File data goes straight between the caller's memory and the medium. New clusters are reserved
// first, written, and only then become part of the file, so that no commit in between can show
// what an earlier owner left in them.
namespace airlock::fat {
namespace {

constexpr std::uint64_t kLargestFile = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kZeroBytes = std::size_t{1} << 18;

std::span<const std::byte> zeroes(std::uint64_t count) {
  static const std::vector<std::byte> bytes(kZeroBytes);
  return std::span(bytes).first(std::min<std::uint64_t>(count, kZeroBytes));
}

}  // namespace

// Where the bytes are; less than asked for where the chain ends before.
Outcome<FatDriver::Segments> FatDriver::segments(Node& node, std::uint64_t offset,
                                                 std::uint64_t length) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t end = offset + length;
  Segments found;
  for (std::uint64_t at = offset; at < end;) {
    const auto index = static_cast<std::uint32_t>(at / geometry.cluster_size);
    const auto last = static_cast<std::uint32_t>((end - 1) / geometry.cluster_size);
    TRY(const ClusterRun run, node.chain.find(volume_.table(), index, last - index + 1));
    if (run.count == 0) break;
    const std::uint64_t inside = at % geometry.cluster_size;
    const std::uint64_t there = std::uint64_t{run.count} * geometry.cluster_size - inside;
    const std::uint64_t count = std::min(there, end - at);
    found.push_back({.file_offset = at,
                     .offset = geometry.cluster_offset(run.start) + inside,
                     .length = count});
    at += count;
  }
  return found;
}

Outcome<std::size_t> FatDriver::read(NodeId node, std::uint64_t offset, std::span<std::byte> into) {
  const std::shared_lock moving(locks_.of(node));
  Segments where;
  {
    const Session session(volume_, nodes_);
    TRY(Node* const found, file(node));
    TRY(const Slot slot, nodes_.slot_of(*found));
    const std::uint64_t size = slot.size();
    if (offset >= size) return 0;
    into = into.first(std::min<std::uint64_t>(into.size(), size - offset));
    TRY(where, segments(*found, offset, into.size()));
  }
  for (const Segment& segment : where) {
    TRY_VOID(volume_.read_data(segment.offset,
                               into.subspan(segment.file_offset - offset, segment.length)));
    if (segment.file_offset + segment.length == offset + into.size()) return into.size();
  }
  // The size says that there is more than the chain has.
  return into.empty() ? Outcome<std::size_t>(0) : refuse(EUCLEAN);
}

Outcome<Written> FatDriver::write(NodeId node, std::uint64_t offset,
                                  std::span<const std::byte> from, const WriteOptions&) {
  if (from.empty()) return Written{};
  if (offset >= kLargestFile) return refuse(EFBIG);
  from = from.first(std::min<std::uint64_t>(from.size(), kLargestFile - offset));
  TRY(const bool done, overwrite(node, offset, from));
  if (!done) {
    TRY_VOID(grow_to(node, offset));
    auto extended = with_commits(volume_, [&] { return extend(node, offset, from); });
    // What still fits of it is written, as programs expect before they hear of a full medium.
    while (!extended && extended.error().value == ENOSPC && from.size() > 1) {
      from = from.first(from.size() / 2);
      extended = extend(node, offset, from);
    }
    TRY_VOID(extended);
  }
  return Written{.count = from.size(), .occupies_more = false};
}

// The common case: everything is inside the file. False where it is not.
Outcome<bool> FatDriver::overwrite(NodeId node, std::uint64_t offset,
                                   std::span<const std::byte> from) {
  const std::shared_lock moving(locks_.of(node));
  Segments where;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(Node* const found, file(node));
    TRY(Slot slot, nodes_.slot_of(*found));
    if (offset + from.size() > slot.size()) return false;
    TRY(where, segments(*found, offset, from.size()));
    const std::uint64_t covered =
        where.empty() ? 0 : where.back().file_offset + where.back().length - offset;
    if (covered != from.size()) return refuse(EUCLEAN);
    TRY(slot, nodes_.slot_of(*found));
    touch(slot);
    nodes_.slot_changed(*found);
  }
  for (const Segment& segment : where) {
    TRY_VOID(volume_.write_data(segment.offset,
                                from.subspan(segment.file_offset - offset, segment.length)));
  }
  return true;
}

// Clusters for a file of that size, beyond those it has.
Outcome<std::vector<ClusterRun>> FatDriver::reserve(Node& node, std::uint64_t size) {
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  const auto needed = static_cast<std::uint32_t>((size + cluster_size - 1) / cluster_size);
  TRY(std::uint32_t have, node.chain.length(volume_.table()));
  TRY(const std::uint32_t last, node.chain.last(volume_.table()));
  std::uint32_t goal = last == 0 ? 0 : last + 1;
  std::vector<ClusterRun> runs;
  while (have < needed) {
    const auto run = volume_.space().reserve(goal, needed - have);
    if (!run) {
      for (const ClusterRun& reserved : runs) volume_.space().cancel(reserved);
      return std::unexpected(run.error());
    }
    runs.push_back(*run);
    have += run->count;
    goal = run->end();
  }
  return runs;
}

// Makes reserved clusters, which have been written, part of the file. What could not become part
// of it is left in `runs`.
Outcome<void> FatDriver::adopt(Node& node, std::vector<ClusterRun>& runs, std::uint64_t size) {
  while (!runs.empty()) {
    TRY_VOID(volume_.append(node.chain, runs.front()));
    runs.erase(runs.begin());
  }
  TRY(const Slot slot, nodes_.slot_of(node));
  slot.set_cluster(node.chain.first(), volume_.is_wide());
  slot.set_size(static_cast<std::uint32_t>(std::max<std::uint64_t>(slot.size(), size)));
  touch(slot);
  nodes_.slot_changed(node);
  return {};
}

// Writes at or before the end of the file and beyond it.
Outcome<void> FatDriver::extend(NodeId node, std::uint64_t offset,
                                std::span<const std::byte> from) {
  const std::unique_lock moving(locks_.of(node));
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t end = offset + from.size();
  std::vector<ClusterRun> runs;
  Segments where;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(Node* const found, file(node));
    // The medium still has the longer chain.
    if (found->cut_in && *found->cut_in >= volume_.committed_batches()) return refuse(kCommitFirst);
    TRY(runs, reserve(*found, end));
    auto there = segments(*found, offset, from.size());
    if (!there) {
      for (const ClusterRun& run : runs) volume_.space().cancel(run);
      return std::unexpected(there.error());
    }
    where = *std::move(there);
  }
  std::uint64_t at = where.empty() ? offset : where.back().file_offset + where.back().length;
  for (const ClusterRun& run : runs) {
    // Only the first new cluster can begin before what is written into it.
    const std::uint64_t inside = at % geometry.cluster_size;
    const std::uint64_t room = std::uint64_t{run.count} * geometry.cluster_size - inside;
    const std::uint64_t count = std::min(room, end - at);
    where.push_back({.file_offset = at,
                     .offset = geometry.cluster_offset(run.start) + inside,
                     .length = count});
    at += count;
  }
  Outcome<void> done;
  for (const Segment& segment : where) {
    done = volume_.write_data(segment.offset,
                              from.subspan(segment.file_offset - offset, segment.length));
    if (!done) break;
  }
  const Session session(volume_, nodes_);
  const auto found = file(node);
  if (done && !found) done = std::unexpected(found.error());
  if (done) done = adopt(**found, runs, end);
  if (!done)
    for (const ClusterRun& run : runs) volume_.space().cancel(run);
  return done;
}

// Fills a file with zeroes up to a size; the medium knows no holes.
Outcome<void> FatDriver::grow_to(NodeId node, std::uint64_t size) {
  while (true) {
    std::uint64_t at = 0;
    {
      const Session session(volume_, nodes_);
      TRY(Node* const found, file(node));
      TRY(const Slot slot, nodes_.slot_of(*found));
      at = slot.size();
      const std::uint64_t cluster_size = volume_.geometry().cluster_size;
      const std::uint64_t missing = size > at ? (size - at) / cluster_size : 0;
      // Better no byte of it than all the room there is and then an error.
      if (missing > 0 && !volume_.space().may_have(static_cast<std::uint32_t>(missing)))
        return refuse(ENOSPC);
    }
    if (at >= size) return {};
    TRY_VOID(with_commits(volume_, [&] { return extend(node, at, zeroes(size - at)); }));
  }
}

Outcome<void> FatDriver::shrink(NodeId node, std::uint64_t size) {
  const std::unique_lock moving(locks_.of(node));
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const found, file(node));
  TRY(const std::uint32_t have, found->chain.length(volume_.table()));
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  const auto keep = static_cast<std::uint32_t>((size + cluster_size - 1) / cluster_size);
  TRY(const Slot slot, nodes_.slot_of(*found));
  if (size >= slot.size() && size != 0) return {};
  if (have > keep) {
    auto dropped = found->chain.cut(keep);
    TRY(const std::uint32_t last, found->chain.last(volume_.table()));
    volume_.release(std::move(dropped), last, Volume::Content::kData);
    if (keep > 0) found->cut_in = volume_.batch();
    if (keep == 0) slot.set_cluster(0, volume_.is_wide());
  }
  slot.set_size(static_cast<std::uint32_t>(size));
  touch(slot);
  nodes_.slot_changed(*found);
  return {};
}

Outcome<void> FatDriver::truncate(NodeId node, std::uint64_t size) {
  if (size > kLargestFile) return refuse(EFBIG);
  std::uint64_t before = 0;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(Node* const found, file(node));
    TRY(const Slot slot, nodes_.slot_of(*found));
    before = slot.size();
  }
  if (size == before) return {};
  return size < before ? shrink(node, size) : grow_to(node, size);
}

Outcome<void> FatDriver::allocate(NodeId node, int mode, std::uint64_t offset,
                                  std::uint64_t length) {
  // Clusters behind the end of a file would be damage to every other system.
  if (mode != 0) return refuse(EOPNOTSUPP);
  if (length > kLargestFile || offset > kLargestFile - length) return refuse(EFBIG);
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
  }
  return grow_to(node, offset + length);
}

Outcome<std::uint64_t> FatDriver::seek(NodeId node, std::uint64_t offset, int whence) {
  const Session session(volume_, nodes_);
  TRY(Node* const found, file(node));
  TRY(const Slot slot, nodes_.slot_of(*found));
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return refuse(EINVAL);
  if (offset >= slot.size()) return refuse(ENXIO);
  return whence == SEEK_DATA ? offset : slot.size();
}

}  // namespace airlock::fat
