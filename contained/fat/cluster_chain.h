// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "contained/fat/cluster_table.h"

namespace airlock::fat {

// The clusters of one file in order, as far as they have been asked for. The table is walked once;
// later look-ups use binary search. For a file in very many pieces only some places are remembered,
// and the table is walked again from the nearest of them. Guarded like the table.
class ClusterChain {
 public:
  // The limit of pieces in memory: 64 KiB.
  static constexpr std::size_t kMostPieces = 4096;

  explicit ClusterChain(std::uint32_t first) : first_(first), complete_(first == 0) {}
  // Consecutive clusters without a chain in the table; only exFAT has these.
  static ClusterChain contiguous(const ClusterRun& run);

  [[nodiscard]] std::uint32_t first() const { return first_; }
  // Whether the table holds the chain.
  [[nodiscard]] bool is_linked() const { return linked_; }
  void set_linked() { linked_ = true; }

  // Up to `want` clusters that lie together, from the index-th of the file on. A run of 0 if the
  // chain ends before. EUCLEAN for a loop, or a chain that leads to something other than a cluster
  // in use.
  Outcome<ClusterRun> find(ClusterTable& table, std::uint32_t index, std::uint32_t want);

  // Walks the table until that many clusters are known, or all of them, but at most `steps` steps:
  // false if there are more.
  Outcome<bool> learn(ClusterTable& table, std::uint32_t length, std::uint32_t steps);

  // The number of clusters.
  Outcome<std::uint32_t> length(ClusterTable& table);
  // The last cluster; 0 for an empty chain.
  Outcome<std::uint32_t> last(ClusterTable& table);

  // Follow a change already made in the table: more clusters at the end, or fewer. For complete
  // chains only.
  void append(const ClusterRun& run);
  // Returns the clusters it loses, from the end on. After an error it has lost none.
  Outcome<std::vector<ClusterRun>> cut(ClusterTable& table, std::uint32_t length);
  // For a complete chain: its length without an end of at most that many pieces.
  [[nodiscard]] std::uint32_t length_without(std::uint32_t pieces) const;
  [[nodiscard]] std::size_t piece_count() const { return pieces_.size(); }

  // The last cluster of the chain that the medium may know before this batch is written, given the
  // last one now: its new link must not be written before the links of the clusters behind it.
  std::uint32_t anchor(std::uint64_t batch, std::uint32_t last);

 private:
  struct Piece {
    std::uint32_t index;
    ClusterRun run;
    // Only the first cluster and the count are known. Never the last piece.
    bool coarse = false;
    [[nodiscard]] std::uint32_t end() const { return index + run.count; }
  };
  // The cluster inside a coarse piece that was found last.
  struct Place {
    std::uint32_t index = 0;
    std::uint32_t cluster = 0;
  };

  [[nodiscard]] std::uint32_t known() const { return pieces_.empty() ? 0 : pieces_.back().end(); }
  Outcome<void> walk_to(ClusterTable& table, std::uint32_t length);
  Outcome<void> step(ClusterTable& table);
  void add(const ClusterRun& run);
  void forget_some();
  Outcome<ClusterRun> find_inside(ClusterTable& table, const Piece& piece, std::uint32_t index,
                                  std::uint32_t want);

  std::uint32_t first_;
  bool complete_;
  bool linked_ = true;
  std::vector<Piece> pieces_;
  Place last_place_;
  // A cluster seen before, moved on in ever larger steps: meeting it again means a loop.
  std::uint32_t milestone_ = 0;
  std::uint32_t next_milestone_ = 1;
  std::uint64_t anchor_batch_ = 0;
  std::uint32_t anchor_ = 0;
};

}  // namespace airlock::fat
