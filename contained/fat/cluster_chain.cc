// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/cluster_chain.h"

#include <algorithm>
#include <cerrno>
#include <limits>

namespace airlock::fat {
namespace {

constexpr std::uint32_t kToTheEnd = std::numeric_limits<std::uint32_t>::max();

}  // namespace

ClusterChain ClusterChain::contiguous(const ClusterRun& run) {
  ClusterChain chain(run.count == 0 ? 0 : run.start);
  chain.complete_ = true;
  chain.linked_ = false;
  if (run.count > 0) chain.pieces_.push_back({.index = 0, .run = run});
  return chain;
}

void ClusterChain::add(const ClusterRun& run) {
  if (!pieces_.empty() && pieces_.back().run.end() == run.start) {
    pieces_.back().run.count += run.count;
    return;
  }
  if (pieces_.size() >= kMostPieces) forget_some();
  pieces_.push_back({.index = known(), .run = run});
}

// Merges every two neighbours into one coarse piece, except the last, whose end leads on.
void ClusterChain::forget_some() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pieces_.size(); ++kept) {
    pieces_[kept] = pieces_[i++];
    if (i + 1 >= pieces_.size()) continue;
    pieces_[kept].run.count += pieces_[i++].run.count;
    pieces_[kept].coarse = true;
  }
  pieces_.resize(kept);
}

Outcome<void> ClusterChain::step(ClusterTable& table) {
  std::uint32_t next = first_;
  if (!pieces_.empty()) {
    const ClusterRun& last = pieces_.back().run;
    TRY(const TableEntry entry, table.get(last.end() - 1));
    if (entry.kind == TableEntry::Kind::kEnd) {
      complete_ = true;
      return {};
    }
    if (entry.kind != TableEntry::Kind::kNext) return refuse(EUCLEAN);
    next = entry.next;
  }
  if (next == milestone_) return refuse(EUCLEAN);
  // Also fails if the number is not a cluster.
  TRY(const TableEntry after, table.get(next));
  if (after.kind == TableEntry::Kind::kFree || after.kind == TableEntry::Kind::kBad)
    return refuse(EUCLEAN);
  add({.start = next, .count = 1});
  if (known() == next_milestone_) {
    milestone_ = next;
    next_milestone_ = std::max(next_milestone_, next_milestone_ * 2);
  }
  return {};
}

Outcome<void> ClusterChain::walk_to(ClusterTable& table, std::uint32_t length) {
  while (!complete_ && known() < length) TRY_VOID(step(table));
  return {};
}

Outcome<bool> ClusterChain::learn(ClusterTable& table, std::uint32_t length, std::uint32_t steps) {
  for (; !complete_ && known() < length; --steps) {
    if (steps == 0) return false;
    TRY_VOID(step(table));
  }
  return true;
}

Outcome<ClusterRun> ClusterChain::find(ClusterTable& table, std::uint32_t index,
                                       std::uint32_t want) {
  TRY_VOID(walk_to(table, std::min(index, kToTheEnd - want) + want));
  if (index >= known()) return ClusterRun{};
  const auto after = std::ranges::upper_bound(pieces_, index, {}, &Piece::index);
  const Piece& piece = *std::prev(after);
  if (piece.coarse) return find_inside(table, piece, index, want);
  const std::uint32_t skip = index - piece.index;
  return ClusterRun{.start = piece.run.start + skip,
                    .count = std::min(want, piece.run.count - skip)};
}

// Starts at the place found last, unless that is behind `index`: files are mostly read and written
// in order.
Outcome<ClusterRun> ClusterChain::find_inside(ClusterTable& table, const Piece& piece,
                                              std::uint32_t index, std::uint32_t want) {
  Place at = last_place_;
  if (at.cluster == 0 || at.index < piece.index || at.index > index)
    at = {piece.index, piece.run.start};
  const auto next_of = [&](std::uint32_t cluster) -> Outcome<std::uint32_t> {
    TRY(const TableEntry entry, table.get(cluster));
    return entry.kind == TableEntry::Kind::kNext ? Outcome<std::uint32_t>(entry.next)
                                                 : refuse(EUCLEAN);
  };
  for (; at.index < index; ++at.index) {
    TRY(at.cluster, next_of(at.cluster));
  }
  ClusterRun run = {.start = at.cluster, .count = 1};
  const std::uint32_t most = std::min(want, piece.end() - index);
  while (run.count < most) {
    TRY(const std::uint32_t next, next_of(run.end() - 1));
    if (next != run.end()) break;
    ++run.count;
  }
  last_place_ = {.index = index + run.count - 1, .cluster = run.end() - 1};
  return run;
}

Outcome<std::uint32_t> ClusterChain::length(ClusterTable& table) {
  TRY_VOID(walk_to(table, kToTheEnd));
  return known();
}

Outcome<std::uint32_t> ClusterChain::last(ClusterTable& table) {
  TRY_VOID(walk_to(table, kToTheEnd));
  return pieces_.empty() ? 0 : pieces_.back().run.end() - 1;
}

void ClusterChain::append(const ClusterRun& run) {
  if (first_ == 0) first_ = run.start;
  add(run);
}

std::uint32_t ClusterChain::anchor(std::uint64_t batch, std::uint32_t last) {
  if (anchor_batch_ != batch) anchor_ = last;
  anchor_batch_ = batch;
  return anchor_;
}

Outcome<std::vector<ClusterRun>> ClusterChain::cut(ClusterTable& table, std::uint32_t length) {
  std::vector<ClusterRun> dropped;
  for (std::uint32_t index = length; index < known(); index += dropped.back().count) {
    TRY(const ClusterRun run, find(table, index, known() - index));
    if (run.count == 0) return refuse(EUCLEAN);
    dropped.push_back(run);
  }
  std::ranges::reverse(dropped);
  ClusterRun end;
  if (length > 0 && length < known()) {
    TRY(end, find(table, length - 1, 1));
  }
  while (known() > length) {
    Piece& piece = pieces_.back();
    piece.run.count = length > piece.index ? length - piece.index : 0;
    if (piece.run.count == 0) pieces_.pop_back();
  }
  last_place_ = {};
  if (pieces_.empty()) {
    first_ = 0;
  } else if (Piece& last = pieces_.back(); last.coarse && last.run.count == 1) {
    last.coarse = false;
  } else if (last.coarse) {
    --last.run.count;
    pieces_.push_back({.index = length - 1, .run = end});
  }
  return dropped;
}

std::uint32_t ClusterChain::length_without(std::uint32_t pieces) const {
  for (std::size_t i = pieces_.size(); i-- > 0;) {
    const Piece& piece = pieces_[i];
    const std::uint32_t most = piece.coarse ? piece.run.count : 1;
    if (most > pieces) return piece.end() - (piece.coarse ? pieces : 0);
    pieces -= most;
  }
  return 0;
}

}  // namespace airlock::fat
