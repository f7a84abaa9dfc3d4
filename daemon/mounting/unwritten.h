// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "daemon/loop/errand_queue.h"
#include "daemon/loop/event_loop.h"
#include "daemon/mounting/mounting.h"

namespace airlock {

// How many bytes of a medium the kernel has not written to it yet; nothing if the kernel can't tell
// (before Linux 6.5).
std::optional<std::uint64_t> unwritten_bytes(BorrowedFd medium);

// Repeatedly reports how much must still be written to a medium. Data that the FUSE mount itself
// holds back is not counted: it is little, and reaches the medium's own cache in no time. Each look
// is an errand, because opening a device may block. `queue` and `loop` must outlive this.
class UnwrittenMeter {
 public:
  using Tell = std::move_only_function<void(std::uint64_t)>;
  UnwrittenMeter(EventLoop& loop, ErrandQueue& queue, MountSource source, Tell tell)
      : loop_(loop), queue_(queue), source_(std::move(source)), tell_(std::move(tell)) {}

  // The first look comes a moment later: most media have nothing left to write by then.
  void start();
  // Reports nothing from now on. `then` runs when no look holds the medium open any more, perhaps
  // at once.
  void stop(std::move_only_function<void()> then);

 private:
  void look();
  void looked(const Result<ErrandReport>& report);

  EventLoop& loop_;
  ErrandQueue& queue_;
  MountSource source_;
  Tell tell_;
  std::optional<std::uint64_t> last_;
  EventSource timer_;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
  std::move_only_function<void()> stopped_;
};

}  // namespace airlock
