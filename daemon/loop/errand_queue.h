// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/loop/errand.h"
#include "daemon/loop/event_loop.h"

namespace airlock {

// Errands of one kind: a limited number at once, the rest in line, so that fifty sticks plugged in
// at once do not become a fork bomb. At most a quarter work with files of one user, who could
// otherwise block all of them with files that do not answer; others overtake them in the line. Must
// outlive its tickets.
class ErrandQueue {
 public:
  // One errand, waiting or running. Destroying it cancels it, like destroying an Errand.
  class Ticket {
   public:
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();
    [[nodiscard]] bool started() const { return started_; }

   private:
    friend class ErrandQueue;
    explicit Ticket(ErrandQueue& queue) : queue_(queue) {}
    ErrandQueue& queue_;
    std::string what_;
    ErrandOptions options_;
    std::vector<BorrowedFd> keep_;
    Errand::Work work_;
    Errand::Done done_;
    std::unique_ptr<Errand> errand_;
    EventSource refused_;
    bool started_ = false;
    bool counted_ = false;
  };

  ErrandQueue(EventLoop& loop, std::size_t at_once,
              std::size_t most_waiting = std::numeric_limits<std::size_t>::max() / 2)
      : loop_(loop), at_once_(at_once), most_waiting_(most_waiting) {}
  ErrandQueue(const ErrandQueue&) = delete;
  ErrandQueue& operator=(const ErrandQueue&) = delete;

  // Like Errand::start(), but the deadline starts with its turn. A failure to start is reported to
  // `done` too. The descriptors to keep must stay open until then. If `most_waiting` are in line
  // already, `done` gets Errc::kLimitExceeded in the next round.
  std::unique_ptr<Ticket> run(std::string what, ErrandOptions options, std::vector<BorrowedFd> keep,
                              Errand::Work work, Errand::Done done);

  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::size_t waiting() const { return line_.size(); }

 private:
  [[nodiscard]] bool is_full() const { return waiting() + running_ >= most_waiting_ + at_once_; }
  [[nodiscard]] bool has_share(const Ticket& ticket) const;
  std::deque<Ticket*>::iterator next();
  void refuse(Ticket& ticket);
  void start_more();
  void start(Ticket& ticket);
  void release(Ticket& ticket);

  EventLoop& loop_;
  std::size_t at_once_;
  std::size_t most_waiting_;
  std::size_t running_ = 0;
  std::map<uid_t, std::size_t> running_of_;
  std::deque<Ticket*> line_;
  EventSource soon_;
};

}  // namespace airlock
