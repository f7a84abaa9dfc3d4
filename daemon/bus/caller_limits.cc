// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/caller_limits.h"

#include <utility>

namespace airlock {

CallerLimits::Ticket& CallerLimits::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    give_back();
    counts_ = std::move(other.counts_);
    caller_ = std::move(other.caller_);
  }
  return *this;
}

void CallerLimits::Ticket::give_back() {
  if (!counts_) return;
  const auto held = counts_->find(caller_);
  if (--held->second == 0) counts_->erase(held);
  counts_.reset();
}

Result<CallerLimits::Ticket> CallerLimits::take(const std::string& caller) {
  if (held_by(caller) >= most_)
    return fail(Errc::kLimitExceeded, "more than {} {} at a time", most_, what_);
  ++(*counts_)[caller];
  return Ticket(counts_, caller);
}

std::size_t CallerLimits::held_by(const std::string& caller) const {
  const auto held = counts_->find(caller);
  return held == counts_->end() ? 0 : held->second;
}

}  // namespace airlock
