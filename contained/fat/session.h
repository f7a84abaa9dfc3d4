// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <expected>

#include "contained/fat/volume.h"

namespace airlock::fat {

// One look at the volume under its lock. Nodes found in it stay valid as long as it lasts.
class Session {
 public:
  template <typename Nodes>
  Session(Volume& volume, Nodes& nodes) : operation_(volume) {
    nodes.trim();
  }

 private:
  Volume::Operation operation_;
};

// Runs an attempt again after a commit where that may help.
template <typename Attempt>
auto with_commits(Volume& volume, Attempt attempt) -> decltype(attempt()) {
  constexpr int kMostCommits = 32;
  int for_space = 0;
  for (int i = 0;; ++i) {
    auto done = attempt();
    if (done) return done;
    const int error = done.error().value;
    // Clusters given up come free with the second commit at the earliest, the third at the latest.
    const bool space = error == ENOSPC && volume.space_pending() && for_space++ < 3;
    if ((error != kCommitFirst && !space) || i == kMostCommits)
      return error == kCommitFirst ? decltype(attempt())(refuse(EIO)) : done;
    if (auto committed = volume.commit(); !committed) return std::unexpected(committed.error());
  }
}

// Tells the medium what is free within `length` bytes from `start` on, in runs of at least
// `minimum`.
template <typename Nodes>
Outcome<std::uint64_t> discard_free_space(Volume& volume, Nodes& nodes, std::uint64_t start,
                                          std::uint64_t length, std::uint64_t minimum) {
  const Geometry& geometry = volume.geometry();
  // What was freed before is free on the medium after the second.
  TRY_VOID(volume.commit());
  TRY_VOID(volume.commit());
  const std::uint64_t end = start + std::min(length, ~std::uint64_t{0} - start);
  std::uint64_t trimmed = 0;
  for (std::uint32_t segment = 0; segment < volume.space().segment_count(); ++segment) {
    // The lock is held while a segment is discarded, so that nobody allocates from it meanwhile.
    const Session session(volume, nodes);
    TRY_VOID(volume.begin_change());
    TRY(const auto runs, volume.space().free_runs(segment));
    for (const ClusterRun& run : runs) {
      const std::uint64_t from = geometry.cluster_offset(run.start);
      const std::uint64_t size = std::uint64_t{run.count} * geometry.cluster_size;
      if (from < start || from + size > end || size < minimum) continue;
      TRY_VOID(volume.discard(run));
      trimmed += size;
    }
  }
  return trimmed;
}

}  // namespace airlock::fat
