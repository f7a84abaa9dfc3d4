// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/mounting/checking.h"

namespace airlock {

// A Checking that answers on request. Cancelled checks are never answered.
class FakeChecking final : public Checking {
 public:
  std::unique_ptr<PendingOperation> check(const MountSource& source, const CheckRequest& request,
                                          Progress progress, Done done) override {
    asked_.push_back({source.path, request});
    running_.push_back(std::make_shared<Running>(std::move(progress), std::move(done)));
    return std::make_unique<Pending>(*this, running_.back());
  }

  struct Asked {
    std::string path;
    CheckRequest request;
  };
  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t cancelled() const { return cancelled_; }

  void tell_progress(double share) { running_.front()->progress(share); }
  // Answers the one that has waited longest.
  void answer(Result<CheckReply> reply) {
    const auto first = std::move(running_.front());
    running_.pop_front();
    std::exchange(first->done, {})(std::move(reply));
  }

 private:
  struct Running {
    Running(Progress p, Done d) : progress(std::move(p)), done(std::move(d)) {}
    Progress progress;
    Done done;
  };
  class Pending final : public PendingOperation {
   public:
    Pending(FakeChecking& fake, std::shared_ptr<Running> running)
        : fake_(fake), running_(std::move(running)) {}
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending() override { fake_.cancelled_ += std::erase(fake_.running_, running_); }

   private:
    FakeChecking& fake_;
    std::shared_ptr<Running> running_;
  };

  std::vector<Asked> asked_;
  std::deque<std::shared_ptr<Running>> running_;
  std::size_t cancelled_ = 0;
};

}  // namespace airlock
