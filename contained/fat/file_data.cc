// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "contained/fat/file_driver.h"
#include "contained/fat/session.h"
#include "contained/runtime/reader_token.h"

// File data goes straight between the caller's memory and the medium. New clusters are reserved
// first, then written, and only then become part of the file, so that no commit in between can show
// what a previous file left in them. On exFAT a file may have clusters not written yet; its size on
// the medium comes with the length of the part written, and the rest reads as zeroes.
namespace airlock::fat {
namespace {

constexpr std::size_t kZeroBytes = std::size_t{1} << 20;

std::span<const std::byte> zeroes(std::uint64_t count) {
  static const std::vector<std::byte> bytes(kZeroBytes);
  return std::span(bytes).first(std::min<std::uint64_t>(count, kZeroBytes));
}

}  // namespace

std::uint64_t FileDriver::clusters_for(std::uint64_t size) const {
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  return size / cluster_size + (size % cluster_size != 0 ? 1 : 0);
}

// The part of the bytes from `at` on that lies in the run, whose first cluster holds the first
// byte.
FileDriver::Segment FileDriver::segment_in(const ClusterRun& run, std::uint64_t at,
                                           std::uint64_t end) const {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t inside = at % geometry.cluster_size;
  const std::uint64_t there = std::uint64_t{run.count} * geometry.cluster_size - inside;
  return {.file_offset = at,
          .offset = geometry.cluster_offset(run.start) + inside,
          .length = std::min(there, end - at)};
}

// The places of the bytes; fewer than requested if the chain ends before.
Outcome<FileDriver::Segments> FileDriver::segments(Node& node, std::uint64_t offset,
                                                   std::uint64_t length) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t end = offset + length;
  Segments found;
  for (std::uint64_t at = offset; at < end;) {
    const auto index = static_cast<std::uint32_t>(at / geometry.cluster_size);
    const auto last = static_cast<std::uint32_t>((end - 1) / geometry.cluster_size);
    TRY(const ClusterRun run, node.chain.find(volume_.table(), index, last - index + 1));
    if (run.count == 0) break;
    found.push_back(segment_in(run, at, end));
    at += found.back().length;
  }
  return found;
}

// Walks a long chain in turns.
Outcome<void> FileDriver::learn(Node& node, std::uint64_t clusters) {
  constexpr std::uint32_t kStepsAtOnce = 1u << 16;
  const auto most = std::min<std::uint64_t>(clusters, std::numeric_limits<std::uint32_t>::max());
  TRY(const bool known,
      node.chain.learn(volume_.table(), static_cast<std::uint32_t>(most), kStepsAtOnce));
  return known ? Outcome<void>{} : refuse(kAnotherTurn);
}

// The number of bytes to read. Bytes not written yet become zeroes here.
Outcome<std::size_t> FileDriver::find_data(NodeId node, std::uint64_t offset,
                                           std::span<std::byte> into, Segments& where) {
  const Session session(volume_, nodes_);
  TRY(const Known found, file(node));
  const FileInfo& info = found.info;
  if (offset >= info.size) return 0;
  into = into.first(std::min<std::uint64_t>(into.size(), info.size - offset));
  const std::uint64_t valid = info.valid_size > offset ? info.valid_size - offset : 0;
  const std::uint64_t wanted = std::min<std::uint64_t>(into.size(), valid);
  TRY_VOID(learn(*found.node, clusters_for(offset + wanted)));
  TRY(where, segments(*found.node, offset, wanted));
  const std::uint64_t covered =
      where.empty() ? 0 : where.back().file_offset + where.back().length - offset;
  // The chain is shorter than the size.
  if (covered != wanted) return refuse(EUCLEAN);
  std::ranges::fill(into.subspan(wanted), std::byte{0});
  return into.size();
}

Outcome<std::size_t> FileDriver::read(NodeId node, std::uint64_t offset,
                                      std::span<std::byte> into) {
  const auto moving = locks_.keep_still(node);
  Segments where;
  TRY(const std::size_t count,
      with_turns(volume_, [&] { return find_data(node, offset, into, where); }));
  for (const Segment& segment : where)
    TRY_VOID(volume_.read_data(segment.offset,
                               into.subspan(segment.file_offset - offset, segment.length)));
  return count;
}

Outcome<void> FileDriver::write_segments(const Segments& where, std::uint64_t offset,
                                         std::span<const std::byte> from, std::size_t behind) {
  for (const Segment& segment : where)
    TRY_VOID(volume_.write_data(segment.offset,
                                from.subspan(segment.file_offset - offset, segment.length),
                                &segment == &where.back() ? behind : 0));
  return {};
}

Outcome<Written> FileDriver::write(NodeId node, std::uint64_t offset,
                                   std::span<const std::byte> from, const WriteOptions&) {
  if (from.empty()) return Written{};
  if (offset >= largest_file_) return refuse(EFBIG);
  from = from.first(std::min<std::uint64_t>(from.size(), largest_file_ - offset));
  TRY(const bool done, with_commits(volume_, [&] { return overwrite(node, offset, from); }));
  if (!done) {
    TRY_VOID(grow_to(node, offset));
    TRY_VOID(zero_to(node, offset));
    auto extended = with_commits(volume_, [&] { return extend(node, offset, from); });
    // Write the part that fits, as programs expect before an error about a full medium.
    while (!extended && extended.error().value == ENOSPC && from.size() > 1) {
      from = from.first(from.size() / 2);
      extended = with_commits(volume_, [&] { return extend(node, offset, from); });
    }
    TRY_VOID(extended);
  }
  return Written{.count = from.size(), .occupies_more = false};
}

// The common case: all of the range was written before. False if it was not.
Outcome<bool> FileDriver::overwrite(NodeId node, std::uint64_t offset,
                                    std::span<const std::byte> from) {
  const auto moving = locks_.keep_still(node);
  Segments where;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(Known found, file(node));
    if (offset + from.size() > found.info.valid_size) return false;
    TRY_VOID(learn(*found.node, clusters_for(offset + from.size())));
    TRY(where, segments(*found.node, offset, from.size()));
    const std::uint64_t covered =
        where.empty() ? 0 : where.back().file_offset + where.back().length - offset;
    if (covered != from.size()) return refuse(EUCLEAN);
    touch(found.info);
    TRY_VOID(nodes_.store(*found.node, found.info));
  }
  TRY_VOID(write_segments(where, offset, from));
  return true;
}

// The file still has its longer chain on the medium.
bool FileDriver::is_being_cut(const Node& node) const {
  return node.cut_in && *node.cut_in >= volume_.committed_batches();
}

void FileDriver::cancel(std::span<const ClusterRun> runs) {
  for (const ClusterRun& run : runs) volume_.space().cancel(run);
}

// Reserves the clusters that a file of that size still lacks.
Outcome<std::vector<ClusterRun>> FileDriver::reserve(Node& node, std::uint64_t size) {
  const std::uint64_t clusters = clusters_for(size);
  if (clusters > volume_.geometry().cluster_count) return refuse(ENOSPC);
  const auto needed = static_cast<std::uint32_t>(clusters);
  TRY_VOID(learn(node, kAllClusters));
  TRY(std::uint32_t have, node.chain.length(volume_.table()));
  TRY(const std::uint32_t last, node.chain.last(volume_.table()));
  std::vector<ClusterRun> runs;
  if (have < needed && !volume_.space().may_have(needed - have)) return refuse(ENOSPC);
  std::uint32_t goal = last == 0 ? 0 : last + 1;
  while (have < needed) {
    const auto run = runs.size() < kMostPiecesAtOnce ? volume_.space().reserve(goal, needed - have)
                                                     : Outcome<ClusterRun>(refuse(ENOSPC));
    if (!run) {
      cancel(runs);
      return std::unexpected(run.error());
    }
    runs.push_back(*run);
    have += run->count;
    goal = run->end();
  }
  return runs;
}

// Makes reserved clusters part of a file, or changes nothing with kCommitFirst. Any left in `runs`
// are not part of it.
Outcome<void> FileDriver::adopt(const Known& file, std::vector<ClusterRun>& runs,
                                std::uint64_t size, std::uint64_t valid_size) {
  TRY_VOID(nodes_.prepare_change(*file.node));
  TRY_VOID(volume_.append(file.node->chain, runs));
  runs.clear();
  FileInfo info = file.info;
  info.size = std::max(info.size, size);
  info.valid_size = std::max(info.valid_size, valid_size);
  info.first_cluster = file.node->chain.first();
  info.contiguous = !file.node->chain.is_linked();
  touch(info);
  return nodes_.store(*file.node, info);
}

// Adds the written part of the new clusters.
void FileDriver::add_new(Segments& where, std::uint64_t offset, std::uint64_t end,
                         std::span<const ClusterRun> runs) const {
  std::uint64_t at = where.empty() ? offset : where.back().file_offset + where.back().length;
  for (const ClusterRun& run : runs) {
    // Only the first new cluster can begin before the written range.
    where.push_back(segment_in(run, at, end));
    at += where.back().length;
  }
}

// Writes at or before the end of the written part, and beyond it. The file has no data behind that
// end; the write goes on to the end of the page, because the medium would otherwise be read for the
// rest of it. kCommitFirst while the file is being cut: the medium must keep the lost part until
// the cut is committed.
Outcome<void> FileDriver::extend(NodeId node, std::uint64_t offset,
                                 std::span<const std::byte> from) {
  const auto moving = locks_.change(node);
  const std::uint64_t end = offset + from.size();
  std::vector<ClusterRun> runs;
  Segments where;
  std::size_t behind = 0;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(const Known found, file(node));
    if (is_being_cut(*found.node)) return refuse(kCommitFirst);
    const bool nothing_behind =
        end >= found.info.valid_size && shortened_in_ < volume_.committed_batches();
    TRY(runs, reserve(*found.node, end));
    auto there = segments(*found.node, offset, from.size());
    if (!there) {
      cancel(runs);
      return std::unexpected(there.error());
    }
    where = *std::move(there);
    for (const Segment& segment : where)
      volume_.keep_from_clearing(segment.offset, segment.offset + segment.length);
    add_new(where, offset, end, runs);
    const std::uint64_t last = where.back().offset + where.back().length;
    behind = nothing_behind ? volume_.rest_of_page(last) : 0;
  }
  auto done = write_segments(where, offset, from, behind);
  const Session session(volume_, nodes_);
  const auto found = file(node);
  if (done && !found) done = std::unexpected(found.error());
  if (done) done = volume_.begin_change();  // the volume may have been closed meanwhile
  if (done) done = adopt(*found, runs, end, end);
  if (!done) cancel(runs);
  return done;
}

// Fills the part never written with zeroes, up to an offset.
Outcome<void> FileDriver::zero_to(NodeId node, std::uint64_t offset) {
  while (true) {
    std::uint64_t at = 0;
    {
      const Session session(volume_, nodes_);
      TRY(const Known found, file(node));
      at = found.info.valid_size;
    }
    if (at >= offset) return {};
    ReaderToken::give();  // the medium takes a while to fill a large gap
    TRY_VOID(with_commits(volume_, [&] { return extend(node, at, zeroes(offset - at)); }));
  }
}

// Makes a file larger by clusters not written yet.
Outcome<void> FileDriver::reserve_to(NodeId node, std::uint64_t size) {
  const auto moving = locks_.change(node);
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(const Known found, file(node));
  if (size <= found.info.size) return {};
  if (is_being_cut(*found.node)) return refuse(kCommitFirst);
  TRY(auto runs, reserve(*found.node, size));
  auto done = adopt(found, runs, size, found.info.valid_size);
  if (!done) cancel(runs);
  return done;
}

// Cuts to that size, or as far towards it as one step goes; returns the new size.
Outcome<std::uint64_t> FileDriver::shrink(NodeId node, std::uint64_t size) {
  const auto moving = locks_.change(node);
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Known found, file(node));
  FileInfo& info = found.info;
  ClusterChain& chain = found.node->chain;
  if (size >= info.size) return size;
  TRY_VOID(learn(*found.node, kAllClusters));
  TRY(const std::uint32_t have, chain.length(volume_.table()));
  const std::uint32_t least = chain.length_without(kMostPiecesAtOnce);
  size = std::clamp(std::uint64_t{least} * volume_.geometry().cluster_size, size, info.size);
  TRY_VOID(nodes_.prepare_change(*found.node));
  shortened_in_ = volume_.batch();
  if (size > 0 && size < info.valid_size) {
    TRY(const auto cut, segments(*found.node, size, info.valid_size - size));
    const std::uint64_t in_cluster =
        volume_.geometry().cluster_size - (size - 1) % volume_.geometry().cluster_size - 1;
    if (!cut.empty())
      volume_.clear_later(cut.front().offset,
                          cut.front().offset + std::min(cut.front().length, in_cluster));
  }
  const std::uint32_t keep = std::max(static_cast<std::uint32_t>(clusters_for(size)), least);
  if (have > keep) {
    TRY(auto dropped, chain.cut(volume_.table(), keep));
    const bool goes_on = chain.is_linked() && keep > 0;
    TRY(const std::uint32_t last, chain.last(volume_.table()));
    volume_.release(std::move(dropped), goes_on ? last : 0, Volume::Content::kData);
    if (goes_on) found.node->cut_in = volume_.batch();
    if (keep == 0) chain = volume_.empty_chain();
  }
  info.size = size;
  info.valid_size = std::min(info.valid_size, size);
  info.first_cluster = chain.first();
  info.contiguous = !chain.is_linked();
  touch(info);
  TRY_VOID(nodes_.store(*found.node, info));
  return size;
}

Outcome<void> FileDriver::truncate(NodeId node, std::uint64_t size) {
  if (size > largest_file_) return refuse(EFBIG);
  std::uint64_t before = 0;
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
    TRY(const Known found, file(node));
    before = found.info.size;
  }
  if (size >= before) return grow_to(node, size);
  // A file in millions of pieces is cut step by step. The pieces of a step leave memory once they
  // are committed.
  while (true) {
    TRY(const std::uint64_t now, with_commits(volume_, [&] { return shrink(node, size); }));
    if (now <= size) return {};
    TRY_VOID(volume_.commit());
  }
}

Outcome<void> FileDriver::allocate(NodeId node, int mode, std::uint64_t offset,
                                   std::uint64_t length) {
  // Other systems treat clusters behind the end of a file as damage.
  if (mode != 0) return refuse(EOPNOTSUPP);
  if (length > largest_file_ || offset > largest_file_ - length) return refuse(EFBIG);
  {
    const Session session(volume_, nodes_);
    TRY_VOID(volume_.begin_change());
  }
  return grow_to(node, offset + length);
}

Outcome<std::uint64_t> FileDriver::seek(NodeId node, std::uint64_t offset, int whence) {
  const Session session(volume_, nodes_);
  TRY(const Known found, file(node));
  const FileInfo& info = found.info;
  if (whence != SEEK_DATA && whence != SEEK_HOLE) return refuse(EINVAL);
  if (offset >= info.size) return refuse(ENXIO);
  if (whence == SEEK_HOLE) return std::max(offset, info.valid_size);
  return offset < info.valid_size ? Outcome<std::uint64_t>(offset) : refuse(ENXIO);
}

}  // namespace airlock::fat
