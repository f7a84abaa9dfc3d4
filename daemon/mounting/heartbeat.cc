// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/heartbeat.h"

#include <cerrno>
#include <utility>

#include "lib/base/log.h"

namespace airlock {
namespace {

// A driver that is stuck in the kernel with its device, or whose memory changes, gets this many
// deadlines: two and a half minutes as things are set. The largest memory a driver may have, 1 GiB,
// is filled by then even where a page takes ten times the 46 µs of the slowest machine we know of.
constexpr int kMostProbes = 5;

bool says_gone(const Error& error) {
  return error.cause.value() == ENOTCONN || error.cause.value() == ECONNABORTED;
}

}  // namespace

Heartbeat::Subscription::~Subscription() {
  heartbeat_.watched_.remove(this);
  if (heartbeat_.watched_.empty()) heartbeat_.timer_.reset();
  end_probe();
}

void Heartbeat::Subscription::end_probe() {
  if (!probe_) return;
  auto& asked = heartbeat_.tools_.being_asked;
  asked.erase(asked.find(mount_.mount_id));
  probe_.reset();
}

std::unique_ptr<Heartbeat::Subscription> Heartbeat::watch(MountIdentity mount, pid_t driver,
                                                          OnFinding callback) {
  auto watched = std::unique_ptr<Subscription>(
      new Subscription(*this, std::move(mount), driver, std::move(callback)));
  watched_.push_back(watched.get());
  if (!timer_.active()) arm();
  return watched;
}

void Heartbeat::arm() {
  auto timer = tools_.loop.after(tools_.options.heartbeat, [this] { beat(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no heartbeat: {}", timer.error().message());
}

void Heartbeat::beat() {
  for (Subscription* at : watched_) look(*at);
  arm();
}

void Heartbeat::look(Subscription& at) {
  if (at.probe_ || !at.callback_) return;
  if (tools_.on_their_way_out.contains(at.mount_.mount_id)) return;
  const auto waiting = tools_.control.waiting(at.mount_.filesystem);
  if (at.driver_ > 0 && waiting == 0UL) return;
  probe(at);
}

void Heartbeat::probe(Subscription& at) {
  (void)at.memory_.changed();  // from here on
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
  auto call = std::exchange(at.callback_, {});
  if (call) call(hung ? Finding::kHung : Finding::kGone);
}

}  // namespace airlock
