// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <expected>

#include "contained/fat/nodes.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// One access to the volume under its lock. Nodes found in it stay valid for its lifetime.
class Session {
 public:
  Session(Volume& volume, Nodes& nodes) : operation_(volume) { nodes.trim(); }

 private:
  Volume::Operation operation_;
};

// Repeats an attempt that takes several turns. EINTR if its caller no longer waits.
template <typename Attempt>
auto with_turns(Volume& volume, Attempt attempt) -> decltype(attempt()) {
  while (true) {
    auto done = attempt();
    if (done || done.error().value != kAnotherTurn) return done;
    if (auto went = volume.let_others_go(); !went) return std::unexpected(went.error());
  }
}

// Repeats an attempt after a commit if that may help, or as above. But a change always runs to its
// end, even when the driver is about to end and will not be asked again.
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
    // Released clusters become free with the second commit at the earliest, the third at the
    // latest.
    const bool space = error == ENOSPC && volume.space_pending() && for_space++ < 3;
    if ((error != kCommitFirst && !space) || i == kMostCommits)
      return error == kCommitFirst ? decltype(attempt())(refuse(EIO)) : done;
    if (auto committed = volume.commit(); !committed) return std::unexpected(committed.error());
  }
}

}  // namespace airlock::fat
