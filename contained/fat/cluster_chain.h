// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "contained/fat/cluster_table.h"

namespace airlock::fat {

// The clusters of one file in their order, as far as anybody has asked for them. The table is
// walked once; afterwards a place in the file is found by halving. Of a file in very many pieces
// only some places are remembered, from which the table is walked again. Guarded like the table.
class ClusterChain {
 public:
  // Remembers no more, which is 64 KiB.
  static constexpr std::size_t kMostPieces = 4096;

  explicit ClusterChain(std::uint32_t first) : first_(first), complete_(first == 0) {}
  // Clusters that simply follow each other, without the table saying so; only exFAT has this.
  static ClusterChain contiguous(const ClusterRun& run);

  [[nodiscard]] std::uint32_t first() const { return first_; }
  // Whether the table says what follows what.
  [[nodiscard]] bool is_linked() const { return linked_; }
  void set_linked() { linked_ = true; }

  // Up to `want` clusters that lie together, from the index-th of the file on. A run of 0 where
  // the chain ends before. EUCLEAN for a loop or a chain that runs into what is no cluster in use.
  Outcome<ClusterRun> find(ClusterTable& table, std::uint32_t index, std::uint32_t want);

  // Walks the table until so many clusters are known, or all, but only some steps: false if there
  // are more.
  Outcome<bool> learn(ClusterTable& table, std::uint32_t length, std::uint32_t steps);

  // How many clusters there are.
  Outcome<std::uint32_t> length(ClusterTable& table);
  // The last one; 0 of an empty chain.
  Outcome<std::uint32_t> last(ClusterTable& table);

  // What the table has been told already: more at the end, or less. Of complete chains only.
  void append(const ClusterRun& run);
  // Answers the clusters it loses, from the end on. After an error it has lost none.
  Outcome<std::vector<ClusterRun>> cut(ClusterTable& table, std::uint32_t length);
  // Of a complete chain: how long it would be without an end that is in so many pieces at most.
  [[nodiscard]] std::uint32_t length_without(std::uint32_t pieces) const;
  [[nodiscard]] std::size_t piece_count() const { return pieces_.size(); }

  // The last cluster the medium may already know when a batch of changes is written, given the
  // last one now: it must not lead on before what follows it is there.
  std::uint32_t anchor(std::uint64_t batch, std::uint32_t last);

 private:
  struct Piece {
    std::uint32_t index;
    ClusterRun run;
    // Only the first of the clusters is known, and how many there are. Never the last piece.
    bool coarse = false;
    [[nodiscard]] std::uint32_t end() const { return index + run.count; }
  };
  // A cluster inside of a coarse piece, where one looked last.
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
  // A cluster seen before, moved on in ever larger steps: who meets it again goes in circles.
  std::uint32_t milestone_ = 0;
  std::uint32_t next_milestone_ = 1;
  std::uint64_t anchor_batch_ = 0;
  std::uint32_t anchor_ = 0;
};

}  // namespace airlock::fat
