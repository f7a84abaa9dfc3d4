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

void ClusterChain::add(std::uint32_t cluster) {
  if (!pieces_.empty() && pieces_.back().run.end() == cluster) {
    ++pieces_.back().run.count;
  } else {
    pieces_.push_back({.index = known(), .run = {.start = cluster, .count = 1}});
  }
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
  // Also says whether the number is a cluster at all and in use.
  TRY(const TableEntry after, table.get(next));
  if (after.kind == TableEntry::Kind::kFree || after.kind == TableEntry::Kind::kBad)
    return refuse(EUCLEAN);
  add(next);
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

Outcome<ClusterRun> ClusterChain::find(ClusterTable& table, std::uint32_t index,
                                       std::uint32_t want) {
  TRY_VOID(walk_to(table, std::min(index, kToTheEnd - want) + want));
  if (index >= known()) return ClusterRun{};
  const auto after = std::ranges::upper_bound(pieces_, index, {}, &Piece::index);
  const Piece& piece = *std::prev(after);
  const std::uint32_t skip = index - piece.index;
  return ClusterRun{.start = piece.run.start + skip,
                    .count = std::min(want, piece.run.count - skip)};
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
  if (!pieces_.empty() && pieces_.back().run.end() == run.start) {
    pieces_.back().run.count += run.count;
  } else {
    pieces_.push_back({.index = known(), .run = run});
  }
}

std::uint32_t ClusterChain::anchor(std::uint64_t batch, std::uint32_t last) {
  if (anchor_batch_ != batch) anchor_ = last;
  anchor_batch_ = batch;
  return anchor_;
}

std::vector<ClusterRun> ClusterChain::cut(std::uint32_t length) {
  std::vector<ClusterRun> dropped;
  while (known() > length) {
    Piece& piece = pieces_.back();
    const std::uint32_t keep = length > piece.index ? length - piece.index : 0;
    dropped.push_back({.start = piece.run.start + keep, .count = piece.run.count - keep});
    piece.run.count = keep;
    if (keep == 0) pieces_.pop_back();
  }
  if (pieces_.empty()) first_ = 0;
  return dropped;
}

}  // namespace airlock::fat
