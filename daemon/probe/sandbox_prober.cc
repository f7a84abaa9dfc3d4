// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/sandbox_prober.h"

#include <cstdlib>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// The errand keeps the deadline itself, and knows better what it waited for; this is for one that
// is stuck in the kernel.
constexpr auto kErrandGrace = 1s;

Errc code_for(ProbeRefusal::Reason reason) {
  switch (reason) {
    case ProbeRefusal::Reason::kUnreadable:
      return Errc::kIo;
    case ProbeRefusal::Reason::kUnfit:
      return Errc::kInvalidArgument;
    case ProbeRefusal::Reason::kFailed:
      return Errc::kSystem;
  }
  std::abort();  // the decoder lets no other through
}

// The worker's bytes arrive here as they were sent.
Result<ProbeRecord> understand(const ErrandReport& report) {
  auto reply = decode_probe_reply(std::as_bytes(std::span(report.bytes)));
  if (!reply) return fail(std::move(reply), "airlock-probe answered nonsense");
  if (auto* record = std::get_if<ProbeRecord>(&*reply)) return std::move(*record);
  const auto& refusal = std::get<ProbeRefusal>(*reply);
  return fail(code_for(refusal.reason), "airlock-probe says {}", quote(refusal.words));
}

Result<ProbeRecord> outcome(Result<ErrandReport> report, const std::string& path) {
  auto record = report ? understand(*report) : std::unexpected(std::move(report).error());
  if (!record) return fail(std::move(record), "probe {}", quote(path));
  return record;
}

}  // namespace

// Shared by the prober and its pending probes, so that none of them has to outlive the others.
class SandboxProber::Queue : public std::enable_shared_from_this<Queue> {
 public:
  struct Probe {
    ProbeTarget target;
    Done done;
    std::optional<Errand> errand;  // while it runs
    EventSource soon;              // while a failure to start is on its way
  };
  using Handle = std::shared_ptr<Probe>;

  Queue(EventLoop& loop, Options options) : loop_(loop), options_(std::move(options)) {}

  [[nodiscard]] std::size_t running() const { return running_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  Handle add(const ProbeTarget& target, Done done) {
    auto probe = std::make_shared<Probe>();
    probe->target = target;
    probe->done = std::move(done);
    if (waiting_.size() >= options_.most_waiting) {
      answer_soon(probe, fail(Errc::kLimitExceeded, "{} probes wait already", waiting_.size()));
      return probe;
    }
    waiting_.push_back(probe);
    start_next();
    return probe;
  }

  void cancel(const Handle& probe) {
    probe->done = {};
    probe->soon.reset();
    std::erase(waiting_, probe);
    if (!probe->errand) return;
    probe->errand.reset();
    --running_;
    start_next();
  }

 private:
  void start_next() {
    while (running_ < options_.most_at_once && !waiting_.empty()) {
      const Handle probe = std::move(waiting_.front());
      waiting_.pop_front();
      start(probe);
    }
  }

  void start(const Handle& probe) {
    std::vector<BorrowedFd> keep;
    if (probe->target.image) keep.push_back(probe->target.image->borrow());
    auto errand = Errand::start(
        loop_, "probe", {.deadline = options_.limits.deadline + kErrandGrace}, std::move(keep),
        [target = probe->target, options = options_] {
          return run_probe(target, options.program, options.limits);
        },
        [queue = weak_from_this(), weak = std::weak_ptr(probe)](Result<ErrandReport> report) {
          const auto here = queue.lock();
          const Handle alive = weak.lock();
          if (here && alive) here->finish(alive, std::move(report));
        });
    if (!errand) return answer_soon(probe, std::unexpected(std::move(errand).error()));
    probe->errand = std::move(*errand);
    ++running_;
  }

  void finish(const Handle& probe, Result<ErrandReport> report) {
    probe->errand.reset();
    --running_;
    start_next();
    answer(probe, std::move(report));
  }

  void answer_soon(const Handle& probe, Result<ErrandReport> report) {
    auto soon = loop_.soon([queue = weak_from_this(), weak = std::weak_ptr(probe),
                            report = std::move(report)]() mutable {
      const auto here = queue.lock();
      const Handle alive = weak.lock();
      if (here && alive) here->answer(alive, std::move(report));
    });
    if (soon)
      probe->soon = std::move(*soon);
    else  // no memory for one event: the daemon has worse to care about
      log(LogLevel::kError, "{}", soon.error().message());
  }

  // Nothing of this object is used after `done`, which may destroy all of it.
  static void answer(const Handle& probe, Result<ErrandReport> report) {
    Done done = std::exchange(probe->done, {});
    if (done) done(outcome(std::move(report), probe->target.path));
  }

  EventLoop& loop_;
  Options options_;
  std::deque<Handle> waiting_;
  std::size_t running_ = 0;
};

class SandboxProber::Pending final : public PendingProbe {
 public:
  Pending(std::shared_ptr<Queue> queue, Queue::Handle probe)
      : queue_(std::move(queue)), probe_(std::move(probe)) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() override { queue_->cancel(probe_); }

 private:
  std::shared_ptr<Queue> queue_;
  Queue::Handle probe_;
};

SandboxProber::SandboxProber(EventLoop& loop, Options options)
    : queue_(std::make_shared<Queue>(loop, std::move(options))) {}
SandboxProber::~SandboxProber() = default;

std::unique_ptr<PendingProbe> SandboxProber::probe(const ProbeTarget& target, Done done) {
  return std::make_unique<Pending>(queue_, queue_->add(target, std::move(done)));
}

std::size_t SandboxProber::running() const {
  return queue_->running();
}
std::size_t SandboxProber::waiting() const {
  return queue_->waiting();
}

}  // namespace airlock
