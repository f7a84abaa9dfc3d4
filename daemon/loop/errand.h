// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"
#include "lib/base/passing.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// An errand's result: bytes that both ends agree on, and descriptors.
struct ErrandReport {
  std::string bytes;
  std::vector<UniqueFd> descriptors;  // at most kMostDescriptors
  static constexpr std::size_t kMostDescriptors = kMostPassed;
  static constexpr std::size_t kMostBytes = 32768;
};

struct ErrandOptions {
  static constexpr std::chrono::milliseconds kNone = std::chrono::milliseconds::max();
  // After this time the errand is killed and fails with Errc::kTimedOut, or with what it has
  // reported by then. A process stuck in the kernel can't be killed at once; it is left behind and
  // reaped when it ends.
  std::chrono::milliseconds deadline{30'000};
  // The user who lent the errand's file, if it has one. Its process may hang while it closes the
  // file, so it counts as ended two seconds after its report; an errand with a device has closed
  // that by then. A lender other than root gets only a share of an ErrandQueue.
  std::optional<uid_t> lender = {};
};

// Work that may block (opening a device, umount, fsync, a stat through a mount), done by a forked
// process, so that the daemon never waits. The work runs in the child: it sees a copy of the
// daemon's memory at the time of the fork, and nothing it changes there lasts; it must not touch
// the event loop or the bus; it reports by returning. Inherited descriptors are closed before it
// starts, except those in `keep` and stdio. The child dies with the daemon.
//
// Destroying an Errand cancels it: the child is killed, `done` is never called. The canceller must
// examine what the child may have done to the system by then.
class Errand {
 public:
  using Work = std::move_only_function<Result<ErrandReport>()>;
  using Done = std::move_only_function<void(Result<ErrandReport>)>;

  // `what` names it in messages: "unmount". `done` is called exactly once, from the loop, and may
  // destroy the Errand.
  static Result<Errand> start(EventLoop& loop, std::string what, ErrandOptions options,
                              std::vector<BorrowedFd> keep, Work work, Done done);
  Errand(Errand&&) noexcept;
  Errand& operator=(Errand&&) noexcept;
  ~Errand();

 private:
  struct State;
  explicit Errand(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace airlock
