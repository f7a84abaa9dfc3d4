// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <expected>

#include "contained/fat/nodes.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// One look at the volume under its lock. Nodes found in it stay valid as long as it lasts.
class Session {
 public:
  Session(Volume& volume, Nodes& nodes) : operation_(volume) { nodes.trim(); }

 private:
  Volume::Operation operation_;
};

// Runs an attempt that takes several turns until it is done. EINTR if nobody waits for it any more.
template <typename Attempt>
auto with_turns(Volume& volume, Attempt attempt) -> decltype(attempt()) {
  while (true) {
    auto done = attempt();
    if (done || done.error().value != kAnotherTurn) return done;
    if (auto went = volume.let_others_go(); !went) return std::unexpected(went.error());
  }
}

// Runs an attempt again after a commit where that may help, or as above. A change is always done,
// though: also when the driver is about to end, and will not hear of it again.
template <typename Attempt>
auto with_commits(Volume& volume, Attempt attempt) -> decltype(attempt()) {
  constexpr int kMostCommits = 32;
  int for_space = 0;
  for (int i = 0;; ++i) {
    auto done = attempt();
    for (; !done && done.error().value == kAnotherTurn; done = attempt())
      (void)volume.let_others_go();
    if (done) return done;
    const int error = done.error().value;
    // Clusters given up come free with the second commit at the earliest, the third at the latest.
    const bool space = error == ENOSPC && volume.space_pending() && for_space++ < 3;
    if ((error != kCommitFirst && !space) || i == kMostCommits)
      return error == kCommitFirst ? decltype(attempt())(refuse(EIO)) : done;
    if (auto committed = volume.commit(); !committed) return std::unexpected(committed.error());
  }
}

}  // namespace airlock::fat
