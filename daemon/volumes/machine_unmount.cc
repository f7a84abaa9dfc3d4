// SPDX-License-Identifier: GPL-2.0-or-later
// How mounts end: unmounted, dead, gone.
#include <fmt/format.h>

#include <utility>

#include "daemon/volumes/journal.h"
#include "daemon/volumes/machine.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

// A kernel that can't let go of a mount now seldom can later.
constexpr int kMostAttempts = 5;

std::string loss(const Volume& volume) {
  if (volume.death) return "the medium was pulled out after its driver had died";
  if (volume.mount->read_only)
    return "the medium was pulled out; it was mounted read-only, nothing is lost";
  return "the medium was pulled out before it was unmounted: the latest changes may be lost";
}

}  // namespace

void VolumeMachine::unmount(UnmountForce force, uid_t started_by,
                            Done<Mounting::UnmountResult> done) {
  if (force == UnmountForce::kForce && can_force_unmount()) {
    unmount_waiters_.add(std::move(done));
    forced_ = true;
    return working_->insist();
  }
  if (busy() || volume_.state != VolumeState::kMounted)
    return done(std::unexpected(why_not("unmount")));
  unmount_waiters_.add(std::move(done));
  start_job("unmount", started_by);
  death_meanwhile_.reset();
  unmounted_meanwhile_.reset();
  start_unmounting(force);
  become(VolumeState::kUnmounting, "being written to the medium");
  save_record();
}

// The unmount under way may be waiting for a driver that never ends.
bool VolumeMachine::can_force_unmount() const {
  return volume_.state == VolumeState::kUnmounting && working_ && !forced_;
}

void VolumeMachine::start_unmounting(UnmountForce force) {
  forced_ = force == UnmountForce::kForce;
  working_ = tools_.mounting.unmount(
      *volume_.mount, volume_.source, force,
      [this](std::uint64_t bytes) { job_.set_bytes_left(bytes); },
      [this](Result<Mounting::UnmountResult> result) { unmounted(std::move(result)); });
}

void VolumeMachine::unmounted(Result<Mounting::UnmountResult> result) {
  end_work();
  if (!result) {
    return_from_unmounting("unmounting it failed: " + result.error().message());
    return unmount_waiters_.tell(result);
  }
  leave_mount(how_unmounted(*result, "unmounted"));
  unmount_waiters_.tell(result);
}

// A drive can only be unplugged as a whole.
UnmountEnd VolumeMachine::how_unmounted(const Mounting::UnmountResult& result,
                                        std::string_view how) {
  using enum UnmountEnd::Outcome;
  if (!result.flushed)
    return {.outcome = kIncomplete, .summary = fmt::format("{}: {}", how, result.warning)};
  if (!result.vouched)
    return {
        .outcome = kUnknown,
        .summary = fmt::format("{}; its driver does not say whether all data was written", how)};
  const std::string other = owner_.in_use_beside(volume_);
  if (other.empty())
    return {.outcome = kSafe, .summary = fmt::format("{}; it can be removed safely", how)};
  return {.outcome = kDriveInUse,
          .summary = fmt::format("{}, but {} on the same drive is in use: do not unplug it yet",
                                 how, other)};
}

void VolumeMachine::leave_mount(UnmountEnd end) {
  journal_unmounted(volume_, end.summary);
  remember_end(end.outcome != UnmountEnd::Outcome::kIncomplete);
  forget_mount();
  volume_.last_unmount = std::move(end);
  become(VolumeState::kAvailable, volume_.last_unmount->summary);
}

// The unmount failed; what happened to the mount meanwhile counts now.
void VolumeMachine::return_from_unmounting(const std::string& why) {
  if (unmounted_meanwhile_) return leave_to_others(*unmounted_meanwhile_);
  if (death_meanwhile_) return enter_dead(*std::exchange(death_meanwhile_, std::nullopt));
  become(VolumeState::kMounted, why);
  save_record();
}

void VolumeMachine::remember_end(bool clean) {
  if (!volume_.probe || !volume_.mount || volume_.mount->read_only) return;
  volume_.probe->state = clean ? MediumState::kClean : MediumState::kDirty;
}

void VolumeMachine::forget_mount() {
  if (volume_.death) died_with_changes_ = !volume_.mount->read_only;
  tools_.deferred.add(std::move(watch_));
  ++watches_;
  volume_.mount.reset();
  tools_.records.forget(volume_.id);
}

void VolumeMachine::died(DriverDeath death) {
  if (volume_.state == VolumeState::kUnmounting)
    death_meanwhile_ = std::move(death);
  else if (volume_.state == VolumeState::kMounted)
    enter_dead(std::move(death));
}

void VolumeMachine::enter_dead(DriverDeath death) {
  volume_.death = std::move(death);
  volume_.dead_driver = volume_.mount->driver;
  if (volume_.death->last_lines.empty() && watch_) volume_.death->last_lines = watch_->last_lines();
  remember_end(false);
  journal_death(volume_);
  become(VolumeState::kDead, "the driver " + volume_.death->cause);
  start_grace();
}

// A dead mount fails every access at once, but it blocks its own mount point.
void VolumeMachine::start_grace() {
  if (!volume_.mount) return;
  auto timer = tools_.loop.after(tools_.death_grace, [this] { end_grace(); });
  if (timer) grace_ = std::move(*timer);
}

void VolumeMachine::end_grace() {
  if (busy()) return start_grace();
  take_away([this](const Result<void>& away) {
    publish();
    if (away) return;
    log(LogLevel::kWarning, "{}: its dead mount stays for now: {}", volume_.id,
        away.error().message());
    start_grace();
  });
}

// Another program unmounted it, such as umount(8) or udisks.
void VolumeMachine::unmounted_by_others(Mounting::UnmountResult result) {
  if (volume_.state == VolumeState::kUnmounting)
    unmounted_meanwhile_ = std::move(result);
  else if (volume_.state == VolumeState::kMounted)
    leave_to_others(result);
  else if (volume_.state == VolumeState::kDead && !busy()) {
    forget_mount();
    publish();
  }
}

void VolumeMachine::leave_to_others(const Mounting::UnmountResult& result) {
  // Nothing is left to detach, but the mount point still exists.
  leftovers_ = tools_.mounting.detach(
      *volume_.mount, [this](const Result<bool>&) { tools_.deferred.add(std::move(leftovers_)); });
  leave_mount(how_unmounted(result, "unmounted by another program"));
}

// `then` runs when the mount has been taken away, or could not be.
void VolumeMachine::take_away(Done<void> then) {
  grace_.reset();
  working_ = tools_.mounting.detach(
      *volume_.mount, [this, then = std::move(then)](const Result<bool>& away) mutable {
        tools_.deferred.add(std::move(working_));
        if (!away) return then(std::unexpected(away.error()));
        forget_mount();
        then({});
      });
}

// Data that a driver had not written when it died is lost, whatever happens to the medium later.
UnmountEnd VolumeMachine::how_detached() {
  constexpr std::string_view kHow = "its dead mount was detached";
  if (!died_with_changes_)
    return how_unmounted({.flushed = true, .vouched = true, .warning = ""}, kHow);
  return how_unmounted({.warning = "the latest changes may be lost"}, kHow);
}

void VolumeMachine::detach(uid_t started_by, Done<void> done) {
  if (volume_.state != VolumeState::kDead || busy())
    return done(std::unexpected(why_not("detach")));
  detach_waiters_.add(std::move(done));
  const auto finish = [this](const Result<void>& away) {
    job_ = {};
    if (away) {
      volume_.death.reset();
      volume_.dead_driver.clear();
      volume_.last_unmount = how_detached();
      journal_unmounted(volume_, volume_.last_unmount->summary);
      become(VolumeState::kAvailable, volume_.last_unmount->summary);
    } else {
      start_grace();
    }
    detach_waiters_.tell(away);
  };
  if (!volume_.mount) return finish({});
  start_job("detach", started_by);
  take_away(finish);
}

void VolumeMachine::find_users(Done<std::vector<BusyProcess>> done) {
  if (!volume_.mount || volume_.state == VolumeState::kGone)
    return done(fail(Errc::kInvalidArgument, "it is not mounted"));
  const std::uint64_t number = ++last_inquiry_;
  inquiries_[number].done = std::move(done);
  inquiries_[number].operation = tools_.mounting.find_users(
      *volume_.mount, [this, number](Result<std::vector<BusyProcess>> users) {
        found_users(number, std::move(users));
      });
}

void VolumeMachine::found_users(std::uint64_t inquiry, Result<std::vector<BusyProcess>> users) {
  const auto found = inquiries_.find(inquiry);
  if (found == inquiries_.end()) return;
  Inquiry answered = std::move(found->second);
  inquiries_.erase(found);
  tools_.deferred.add(std::move(answered.operation));
  answered.done(std::move(users));
}

std::vector<std::string> VolumeMachine::last_lines() const {
  if (volume_.death) return volume_.death->last_lines;
  return watch_ ? watch_->last_lines() : std::vector<std::string>{};
}

// Cancels everything that runs; nothing of it calls back any more.
void VolumeMachine::stop_everything() {
  probing_.reset();
  background_probe_.reset();
  working_.reset();
  leftovers_.reset();
  grace_.reset();
  checking_.reset();
  job_ = {};
  const Error why = fail(Errc::kPeerGone, "it is not mounted any more").error();
  for (auto& [number, inquiry] : std::exchange(inquiries_, {})) {
    inquiry.operation.reset();
    inquiry.done(std::unexpected(why));
  }
}

void VolumeMachine::pull_out(const std::string& why) {
  if (volume_.state == VolumeState::kGone) return;
  stop_everything();
  tools_.deferred.add(std::move(watch_));
  ++watches_;
  become(VolumeState::kGone, volume_.mount ? loss(volume_) : why);
  give_up(fail(Errc::kPeerGone, "{}", why).error());
  if (!volume_.mount) return owner_.on_ended(volume_.id);
  journal_gone(volume_);
  take_away_gone();
}

void VolumeMachine::take_away_gone() {
  take_away([this](const Result<void>& away) {
    if (away) return owner_.on_ended(volume_.id);
    log(LogLevel::kWarning, "{}: the mount of a medium that is gone stays for now: {}", volume_.id,
        away.error().message());
    if (++attempts_ >= kMostAttempts) return owner_.on_ended(volume_.id);
    if (auto timer = tools_.loop.after(tools_.retry, [this] { take_away_gone(); }))
      grace_ = std::move(*timer);
  });
}

}  // namespace airlock
