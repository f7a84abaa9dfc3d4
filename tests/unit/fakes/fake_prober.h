// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/probe/prober.h"

namespace airlock::test {

// A Prober that knows media by their path. It answers in the next round of the loop with the record
// or error set by put() or break_medium(); any other path is an empty medium. After answer_later(),
// probes wait until answer_all(); cancelled ones are never answered.
class FakeProber final : public Prober {
 public:
  explicit FakeProber(EventLoop& loop) : loop_(loop) {}

  void put(const std::string& path, ProbeRecord record) {
    media_.insert_or_assign(path, Result<ProbeRecord>(std::move(record)));
  }
  void break_medium(const std::string& path, Errc code) {
    media_.insert_or_assign(path, Result<ProbeRecord>(fail(code, "the fake medium {}", path)));
  }

  void answer_later() { hold_ = true; }
  void answer_all() {
    hold_ = false;
    for (const auto& probe : std::vector(running_))
      if (!probe->answered) schedule(probe);
  }

  // Paths probed so far, in order, including cancelled probes.
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }
  // Neither answered nor cancelled.
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t cancelled() const { return cancelled_; }

  std::unique_ptr<PendingProbe> probe(const ProbeTarget& target, Done done) override {
    asked_.push_back(target.path);
    auto probe = std::make_shared<Probe>();
    probe->path = target.path;
    probe->done = std::move(done);
    running_.push_back(probe);
    if (!hold_) schedule(probe);
    return std::make_unique<Pending>(*this, std::move(probe));
  }

 private:
  struct Probe {
    std::string path;
    Done done;
    bool answered = false;
    EventSource soon;
  };

  class Pending final : public PendingProbe {
   public:
    Pending(FakeProber& prober, std::shared_ptr<Probe> probe)
        : prober_(prober), probe_(std::move(probe)) {}
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending() override {
      probe_->soon.reset();
      if (std::exchange(probe_->answered, true)) return;
      ++prober_.cancelled_;
      std::erase(prober_.running_, probe_);
    }

   private:
    FakeProber& prober_;
    std::shared_ptr<Probe> probe_;
  };

  void schedule(const std::shared_ptr<Probe>& probe) {
    auto soon = loop_.soon([this, weak = std::weak_ptr(probe)] {
      if (const auto alive = weak.lock()) answer(alive);
    });
    if (soon) probe->soon = std::move(*soon);
  }

  void answer(const std::shared_ptr<Probe>& probe) {
    probe->answered = true;
    std::erase(running_, probe);
    const auto medium = media_.find(probe->path);
    Done done = std::move(probe->done);
    done(medium == media_.end() ? Result<ProbeRecord>(ProbeRecord{}) : medium->second);
  }

  EventLoop& loop_;
  std::map<std::string, Result<ProbeRecord>> media_;
  std::vector<std::shared_ptr<Probe>> running_;
  std::vector<std::string> asked_;
  std::size_t cancelled_ = 0;
  bool hold_ = false;
};

}  // namespace airlock::test
