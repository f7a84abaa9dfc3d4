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

// How many bytes of a medium the kernel holds that are not on it yet; nothing where it can't tell,
// which is before Linux 6.5.
std::optional<std::uint64_t> unwritten_bytes(BorrowedFd medium);

// Tells again and again how much must still be written to a medium. What a FUSE mount itself holds
// back is not counted: it is little, and reaches the medium's own cache in no time. Looks are
// errands, because opening a device may block. `queue` and `loop` must outlive it.
class UnwrittenMeter {
 public:
  using Tell = std::move_only_function<void(std::uint64_t)>;
  UnwrittenMeter(EventLoop& loop, ErrandQueue& queue, MountSource source, Tell tell)
      : loop_(loop), queue_(queue), source_(std::move(source)), tell_(std::move(tell)) {}

  // The first look comes after a moment: most media have nothing left to write by then.
  void start();
  // Tells nothing from now on. `then` runs when no look holds the medium open any more, which may
  // be at once.
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
