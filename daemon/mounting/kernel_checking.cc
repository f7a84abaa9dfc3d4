// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/kernel_checking.h"

#include <sys/epoll.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "daemon/mounting/check_errand.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/channel.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// The errand keeps its own deadline and says what it waited for; this is for an errand that is
// stuck in the kernel.
constexpr auto kErrandGrace = 10s;

Result<CheckReply> understand(const ErrandReport& report) {
  auto reply = decode_check_reply(std::as_bytes(std::span(report.bytes)));
  if (!reply) return fail(std::move(reply), "the report of a check is damaged");
  return reply;
}

}  // namespace

// Destroying it kills the errand, and with it the worker and everything the worker started.
class KernelChecking::Task final : public PendingOperation {
 public:
  Task(Progress progress, Done done) : progress_(std::move(progress)), done_(std::move(done)) {}

  void start(KernelChecking& checking, const CheckWork& work) {
    auto pair = Channel::make_pair();
    if (!pair) return fail_soon(checking, std::move(pair).error());
    news_.emplace(std::move(pair->first));
    auto watch = checking.loop_.watch(news_->descriptor(), EPOLLIN, [this](auto) { read_news(); });
    if (!watch) return fail_soon(checking, std::move(watch).error());
    on_news_ = std::move(*watch);
    // Close our copy of the errand's end once the errand has its own; otherwise we would never see
    // it close.
    auto theirs = std::make_shared<UniqueFd>(std::move(pair->second));
    std::vector<BorrowedFd> keep = {theirs->borrow()};
    if (work.source.image) keep.push_back(work.source.image->keeper());
    errand_ = checking.queue_.run(
        "check " + quote(work.source.path),
        {.deadline = work.deadline + kErrandGrace, .lender = lender_of(work.source.image)},
        std::move(keep),
        [work, theirs] {
          Channel news(std::move(*theirs));
          return do_check(work, news);
        },
        [this](Result<ErrandReport> report) { finish(std::move(report)); });
  }

 private:
  void fail_soon(KernelChecking& checking, Error error) {
    auto soon = checking.loop_.soon([this, error = std::move(error)]() mutable {
      std::exchange(done_, {})(std::unexpected(std::move(error)));
    });
    if (soon)
      soon_ = std::move(*soon);
    else  // no memory for one event: the daemon has worse to care about
      log(LogLevel::kError, "{}", soon.error().message());
  }

  void read_news() {
    while (true) {
      auto packet = news_->try_receive(kCheckProgressLength, Descriptors::kRefuse);
      if (packet && !*packet) return;
      if (!packet) return on_news_.reset();
      const auto share = decode_check_progress((*packet)->bytes);
      if (share && progress_) progress_(static_cast<double>(*share) / kWholeProgress);
    }
  }

  // Nothing of this object is used after `done`, which may destroy it.
  void finish(Result<ErrandReport> report) {
    on_news_.reset();
    Done done = std::exchange(done_, {});
    done(report ? understand(*report) : std::unexpected(std::move(report).error()));
  }

  Progress progress_;
  Done done_;
  std::optional<Channel> news_;
  EventSource on_news_, soon_;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
};

KernelChecking::KernelChecking(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)), queue_(loop, options_.at_once) {}

std::unique_ptr<PendingOperation> KernelChecking::check(const MountSource& source,
                                                        const CheckRequest& request,
                                                        Progress progress, Done done) {
  auto task = std::make_unique<Task>(std::move(progress), std::move(done));
  task->start(*this, {.source = source,
                      .request = request,
                      .places = options_.places,
                      .deadline = options_.deadline});
  return task;
}

}  // namespace airlock
