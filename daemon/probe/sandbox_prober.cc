// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/sandbox_prober.h"

#include <cstdlib>
#include <span>
#include <utility>
#include <variant>

#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// The errand keeps its own deadline, and knows better what it waited for; this is for an errand
// that is stuck in the kernel.
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
  std::abort();  // the decoder rejects all others
}

// The worker's bytes arrive here unchanged.
Result<ProbeRecord> understand(const ErrandReport& report) {
  auto reply = decode_probe_reply(std::as_bytes(std::span(report.bytes)));
  if (!reply) return fail(std::move(reply), "airlock-probe sent an invalid answer");
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

// Shares the queue with the prober, so that neither must outlive the other.
class SandboxProber::Pending final : public PendingProbe {
 public:
  Pending(std::shared_ptr<ErrandQueue> queue, const ProbeTarget& target, const Options& options,
          Done done)
      : queue_(std::move(queue)), ticket_(start(*queue_, target, options, std::move(done))) {}

 private:
  static std::unique_ptr<ErrandQueue::Ticket> start(ErrandQueue& queue, const ProbeTarget& target,
                                                    const Options& options, Done done) {
    std::vector<BorrowedFd> keep;
    if (target.image) keep.push_back(target.image->keeper());
    return queue.run(
        "probe",
        {.deadline = options.limits.deadline + kErrandGrace, .lender = lender_of(target.image)},
        std::move(keep),
        [target, options] { return run_probe(target, options.program, options.limits); },
        [path = target.path, done = std::move(done)](Result<ErrandReport> report) mutable {
          done(outcome(std::move(report), path));
        });
  }

  std::shared_ptr<ErrandQueue> queue_;
  std::unique_ptr<ErrandQueue::Ticket> ticket_;
};

SandboxProber::SandboxProber(EventLoop& loop, Options options)
    : options_(std::move(options)),
      queue_(std::make_shared<ErrandQueue>(loop, options_.most_at_once, options_.most_waiting)) {}
SandboxProber::~SandboxProber() = default;

std::unique_ptr<PendingProbe> SandboxProber::probe(const ProbeTarget& target, Done done) {
  return std::make_unique<Pending>(queue_, target, options_, std::move(done));
}

std::size_t SandboxProber::running() const {
  return queue_->running();
}
std::size_t SandboxProber::waiting() const {
  return queue_->waiting();
}

}  // namespace airlock
