// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/heartbeat.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "lib/base/log.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only
using Kind = Heartbeat::Finding::Kind;

// The number of deadlines for a driver that is stuck in the kernel with its device, or whose memory
// changes: two and a half minutes by default. That is enough to fill 1 GiB, the most memory a
// driver may have, even if a page takes ten times the 46 µs of the slowest machine we know of.
constexpr int kMostProbes = 5;

// More requests than programs have threads for. The kernel needs 0.5 to 5 KiB for each.
constexpr unsigned long kMostRequests = 10'000;
constexpr auto kLookForFloods = 500ms;

bool says_gone(const Error& error) {
  return error.cause.value() == ENOTCONN || error.cause.value() == ECONNABORTED;
}

}  // namespace

Heartbeat::Subscription::~Subscription() {
  heartbeat_.watched_.remove(this);
  if (heartbeat_.watched_.empty()) {
    heartbeat_.timer_.reset();
    heartbeat_.flood_timer_.reset();
    heartbeat_.search_.reset();
  }
  end_probe();
}

void Heartbeat::Subscription::tell(Finding finding) {
  debt_.reset();
  if (auto call = std::exchange(callback_, {})) call(std::move(finding));
}

void Heartbeat::Subscription::end_probe() {
  if (!probe_) return;
  auto& asked = heartbeat_.tools_.being_asked;
  asked.erase(asked.find(mount_.mount_id));
  probe_.reset();
}

std::unique_ptr<Heartbeat::Subscription> Heartbeat::watch(MountIdentity mount, dev_t device,
                                                          pid_t driver, OnFinding callback) {
  auto watched = std::unique_ptr<Subscription>(
      new Subscription(*this, std::move(mount), device, driver, std::move(callback)));
  watched_.push_back(watched.get());
  if (!timer_.active()) arm();
  if (!flood_timer_.active()) arm_flood_watch();
  return watched;
}

void Heartbeat::arm() {
  if (tools_.options.heartbeat <= 0ms) return;  // nobody wants it
  auto timer = tools_.loop.after(tools_.options.heartbeat, [this] { beat(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no heartbeat: {}", timer.error().message());
}

bool Heartbeat::is_ours_to_watch(const Subscription& at) const {
  return at.callback_ && !tools_.on_their_way_out.contains(at.mount_.mount_id);
}

void Heartbeat::beat() {
  for (Subscription* at : watched_) look(*at);
  const auto owes = [](const Subscription* at) { return at->debt_.has_value(); };
  if (!search_ && std::ranges::any_of(watched_, owes)) search();
  arm();
}

void Heartbeat::look(Subscription& at) {
  if (!is_ours_to_watch(at)) return at.debt_.reset();
  const auto waiting = tools_.control.waiting(at.mount_.filesystem);
  note_debt(at, waiting.value_or(0) > 0);
  if (at.driver_ > 0 && waiting == 0UL) return;
  if (!at.probe_) probe(at);
}

// Until somebody waits too long, reading counts in full: reading from a medium may go on all day.
void Heartbeat::note_debt(Subscription& at, bool owes) {
  const auto now = std::chrono::steady_clock::now();
  if (!owes) return at.debt_.reset();
  if (!at.debt_) at.debt_.emplace(now, StallClock(at.driver_, at.device_, now));
  (void)at.debt_->progress.stalled(now);
  if (!at.debt_->overdue) at.debt_->progress.excuse_reading(now);
}

void Heartbeat::probe(Subscription& at) {
  (void)at.memory_.changed();  // resets it, to see changes from here on
  tools_.being_asked.insert(at.mount_.mount_id);
  at.probe_ = tools_.probing.run(
      "ask a driver", {.deadline = tools_.options.silence}, {},
      [mount = at.mount_] { return do_probe(mount); },
      [this, &at](Result<ErrandReport> answer) {
        at.end_probe();
        judge(at, std::move(answer));
      });
}

void Heartbeat::judge(Subscription& at, Result<ErrandReport> answer) {
  const bool hung = !answer && answer.error().code == Errc::kTimedOut;
  at.hung_probes_ = hung ? at.hung_probes_ + 1 : 0;
  const bool alive = hung && (at.memory_.changed() || waits_in_kernel(at.driver_));
  if (alive && at.hung_probes_ < kMostProbes) return probe(at);
  const bool gone = !answer && says_gone(answer.error());
  if (!hung && !gone) return;
  at.tell({.kind = hung ? Kind::kHung : Kind::kGone});
}

void Heartbeat::search() {
  std::vector<dev_t> mounts;
  for (const Subscription* at : watched_) mounts.push_back(at->mount_.filesystem);
  const auto silence = tools_.options.silence;
  search_ = tools_.searching.run(
      "find out who waits for a driver", {.deadline = longest_search(silence)}, {},
      [mounts = std::move(mounts), silence] { return do_find_unanswered(mounts, silence); },
      [this](const Result<ErrandReport>& report) {
        search_.reset();
        if (report) return judge_all(unpack_unanswered(report->bytes));
        log(LogLevel::kWarning, "{}", report.error().message());
      });
}

// If several may be to blame, only the one that owes for longest is blamed; its end shows the
// truth.
void Heartbeat::judge_all(const std::vector<Unanswered>& found) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::pair<Subscription*, std::string>> guilty;
  std::pair<Subscription*, std::string> suspect;
  for (Subscription* at : watched_) {
    if (!at->debt_ || !is_ours_to_watch(*at)) continue;
    const auto proof = std::ranges::find(found, at->mount_.filesystem, &Unanswered::filesystem);
    const bool overdue = proof != found.end();
    const bool was_overdue = std::exchange(at->debt_->overdue, overdue);
    if (!overdue) continue;
    if (proof->proof == Unanswered::Proof::kIfIdle || !was_overdue)
      at->debt_->progress.excuse_reading(now);
    if (at->debt_->progress.stalled(now) < tools_.options.silence) continue;
    if (proof->proof == Unanswered::Proof::kCertain)
      guilty.emplace_back(at, proof->request);
    else if (suspect.first == nullptr || at->debt_->since < suspect.first->debt_->since)
      suspect = {at, proof->request};
  }
  if (guilty.empty() && suspect.first != nullptr) guilty.push_back(std::move(suspect));
  // A callback may end the watching of others.
  for (auto& [at, request] : guilty)
    if (std::ranges::find(watched_, at) != watched_.end())
      at->tell({.kind = Kind::kUnanswered, .request = std::move(request)});
}

void Heartbeat::arm_flood_watch() {
  auto timer = tools_.loop.after(kLookForFloods, [this] { look_for_floods(); });
  if (timer)
    flood_timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no watch for floods: {}", timer.error().message());
}

void Heartbeat::look_for_floods() {
  std::vector<Subscription*> flooded;
  for (Subscription* at : watched_)
    if (at->callback_ && tools_.control.waiting(at->mount_.filesystem) > kMostRequests)
      flooded.push_back(at);
  for (Subscription* at : flooded)
    if (std::ranges::find(watched_, at) != watched_.end()) at->tell({.kind = Kind::kFlood});
  if (!watched_.empty()) arm_flood_watch();
}

}  // namespace airlock
