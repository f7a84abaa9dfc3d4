// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/errand_queue.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"

namespace airlock {

ErrandQueue::Ticket::~Ticket() {
  std::erase(queue_.line_, this);
  queue_.release(*this);
}

std::unique_ptr<ErrandQueue::Ticket> ErrandQueue::run(std::string what, ErrandOptions options,
                                                      std::vector<BorrowedFd> keep,
                                                      Errand::Work work, Errand::Done done) {
  auto ticket = std::unique_ptr<Ticket>(new Ticket(*this));
  ticket->what_ = std::move(what);
  ticket->options_ = options;
  ticket->keep_ = std::move(keep);
  ticket->work_ = std::move(work);
  ticket->done_ = std::move(done);
  if (is_full()) {
    refuse(*ticket);
    return ticket;
  }
  line_.push_back(ticket.get());
  start_more();
  return ticket;
}

void ErrandQueue::refuse(Ticket& ticket) {
  auto soon = loop_.soon([&ticket, most = most_waiting_] {
    auto done = std::move(ticket.done_);
    done(fail(Errc::kLimitExceeded, "{}: {} wait already", ticket.what_, most));
  });
  if (soon)
    ticket.refused_ = std::move(*soon);
  else
    log(LogLevel::kError, "{}", soon.error().message());
}

bool ErrandQueue::has_share(const Ticket& ticket) const {
  const auto lender = ticket.options_.lender.value_or(0);
  if (lender == 0) return true;
  const auto found = running_of_.find(lender);
  return found == running_of_.end() || found->second < std::max<std::size_t>(at_once_ / 4, 1);
}

std::deque<ErrandQueue::Ticket*>::iterator ErrandQueue::next() {
  if (running_ >= at_once_) return line_.end();
  return std::ranges::find_if(line_, [this](const Ticket* one) { return has_share(*one); });
}

// Always in a later round: `done` may be called for a failure to start, and the caller of run()
// does not have the ticket yet.
void ErrandQueue::start_more() {
  if (soon_.active() || next() == line_.end()) return;
  auto soon = loop_.soon([this] {
    soon_.reset();
    const auto first = next();
    if (first == line_.end()) return;
    Ticket& ticket = **first;
    line_.erase(first);
    start(ticket);
    start_more();
  });
  if (soon)
    soon_ = std::move(*soon);
  else
    log(LogLevel::kError, "cannot start the next queued task: {}", soon.error().message());
}

void ErrandQueue::start(Ticket& ticket) {
  ticket.started_ = true;
  ticket.counted_ = true;
  ++running_;
  ++running_of_[ticket.options_.lender.value_or(0)];
  auto errand = Errand::start(loop_, ticket.what_, ticket.options_, std::move(ticket.keep_),
                              std::move(ticket.work_), [&ticket](Result<ErrandReport> report) {
                                ticket.queue_.release(ticket);
                                auto done = std::move(ticket.done_);
                                done(std::move(report));
                              });
  if (errand) {
    ticket.errand_ = std::make_unique<Errand>(std::move(*errand));
    return;
  }
  release(ticket);
  auto done = std::move(ticket.done_);
  done(std::unexpected(std::move(errand).error()));
}

void ErrandQueue::release(Ticket& ticket) {
  if (!std::exchange(ticket.counted_, false)) return;
  --running_;
  const auto of_lender = running_of_.find(ticket.options_.lender.value_or(0));
  if (--of_lender->second == 0) running_of_.erase(of_lender);
  start_more();
}

}  // namespace airlock
