// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"

namespace airlock {

// Tells the daemon what a mount errand has made so far, so that the daemon knows what to take away
// if it kills the errand halfway. The errand reports everything at once. The errand's end of the
// connection is also its life line: once it is closed, the errand does nothing any more. A packet
// from the daemon to the errand means one thing: do not wait for the check.
class MountNews {
 public:
  // In the errand. Report both before building anything on them.
  static Result<void> tell_place(Channel& to, const std::string& place);
  static Result<void> tell_driver(Channel& to, pid_t pid, BorrowedFd life);
  // Progress of the check before the mount, in thousandths. A packet that does not fit is dropped.
  static void tell_check(Channel& to, std::uint32_t done);

  // In the daemon.
  explicit MountNews(Channel from) : from_(std::move(from)) {}
  // Reads what has arrived; never waits.
  void read();
  // One call is enough.
  void skip_check();
  [[nodiscard]] BorrowedFd descriptor() const { return from_.descriptor(); }
  [[nodiscard]] bool errand_ended() const { return ended_; }
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] std::optional<std::uint32_t> checked() const { return checked_; }
  [[nodiscard]] pid_t driver() const { return driver_; }
  [[nodiscard]] BorrowedFd driver_life() const { return life_.borrow(); }

 private:
  void take(ReceivedPacket packet);

  Channel from_;
  bool ended_ = false;
  std::string place_;
  std::optional<std::uint32_t> checked_;
  pid_t driver_ = 0;
  UniqueFd life_;
};

}  // namespace airlock
