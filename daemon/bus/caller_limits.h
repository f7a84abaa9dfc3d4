// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "lib/base/error.h"

namespace airlock {

// Limits how much of one thing each caller may have at a time. take() returns a Ticket, which
// counts until it is destroyed; it may outlive the CallerLimits. One object for each thing that is
// counted.
class CallerLimits {
  using Counts = std::map<std::string, std::size_t>;

 public:
  class [[nodiscard]] Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { give_back(); }

   private:
    friend class CallerLimits;
    Ticket(std::shared_ptr<Counts> counts, std::string caller)
        : counts_(std::move(counts)), caller_(std::move(caller)) {}
    void give_back();

    std::shared_ptr<Counts> counts_;
    std::string caller_;
  };

  // `what` as in "more than 32 calls at a time".
  CallerLimits(std::string what, std::size_t most)
      : what_(std::move(what)), most_(most), counts_(std::make_shared<Counts>()) {}

  // Errc::kLimitExceeded if the caller has the most it may have.
  Result<Ticket> take(const std::string& caller);
  [[nodiscard]] std::size_t held_by(const std::string& caller) const;

 private:
  std::string what_;
  std::size_t most_;
  std::shared_ptr<Counts> counts_;
};

}  // namespace airlock
