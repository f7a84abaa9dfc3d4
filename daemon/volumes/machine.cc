// SPDX-License-Identifier: GPL-2.0-or-later
// Examining and mounting; machine_unmount.cc has the ends of a mount.
#include "daemon/volumes/machine.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/volumes/journal.h"
#include "lib/base/log.h"

namespace airlock {
VolumeMachine::VolumeMachine(Tools tools, Owner& owner, Volume& volume)
    : tools_(tools), owner_(owner), volume_(volume) {}

VolumeMachine::~VolumeMachine() {
  stop_everything();
  give_up(fail(Errc::kPeerGone, "airlockd stopped before it was done").error());
}

void VolumeMachine::become(VolumeState state, std::string reason) {
  if (state != volume_.state && !may_become(volume_.state, state)) std::abort();
  volume_.state = state;
  volume_.state_reason = std::move(reason);
  if (state == VolumeState::kAvailable && !volume_.mount) volume_.mounted_for = 0;
  publish();
  owner_.on_changed(volume_.id);
}

void VolumeMachine::settle(VolumeState state, std::string reason, std::string rule) {
  volume_.decided_by = std::move(rule);
  become(state, std::move(reason));
}

void VolumeMachine::explain(std::string reason, std::string rule) {
  volume_.decided_by = std::move(rule);
  volume_.state_reason = std::move(reason);
  publish();
}

void VolumeMachine::start_job(std::string operation, uid_t started_by) {
  job_ = tools_.jobs.start({.operation = std::move(operation),
                            .volume = volume_.id,
                            .started_by = started_by,
                            .cancel = [this] { cancel(); }});
}

// Runs after the callback of an operation, whose caller may still be running.
void VolumeMachine::end_work() {
  tools_.deferred.add(std::move(working_));
  job_ = {};
}

Error VolumeMachine::why_not(std::string_view operation) const {
  using enum VolumeState;
  if (checking_)
    return fail(Errc::kBusy, "cannot {} it now: it is {}", operation, being(*checking_)).error();
  switch (volume_.state) {
    case kMounted:
      return fail(Errc::kAlreadyMounted, "it is mounted already, on {}", volume_.mount->mount_point)
          .error();
    case kGone:
      return fail(Errc::kPeerGone, "the medium was pulled out").error();
    case kDead:
      if (!busy()) return fail(Errc::kBusy, "its driver died: recover it, or detach it").error();
      return fail(Errc::kBusy, "cannot {} it now: its dead mount is being detached", operation)
          .error();
    case kProbing:
    case kMounting:
    case kUnmounting:
      return fail(Errc::kBusy, "cannot {} it now: somebody is {} it", operation,
                  state_name(volume_.state))
          .error();
    case kWaiting:
    case kAvailable:
    case kIgnored:
    case kRefused:
      break;
  }
  return fail(Errc::kInvalidArgument, "it is not mounted").error();
}

void VolumeMachine::give_up(const Error& why) {
  probe_waiters_.tell(std::unexpected(why));
  mount_waiters_.tell(std::unexpected(why));
  unmount_waiters_.tell(std::unexpected(why));
  detach_waiters_.tell(std::unexpected(why));
  check_waiters_.tell(std::unexpected(why));
}

// The job was cancelled. A kernel that is unmounting can't be stopped; then the watch tells how it
// ended.
void VolumeMachine::cancel() {
  probing_.reset();
  working_.reset();
  job_ = {};
  if (checking_)
    cancel_check();
  else if (volume_.state == VolumeState::kProbing)
    become(VolumeState::kAvailable, "the examination was cancelled");
  else if (volume_.state == VolumeState::kMounting)
    become(VolumeState::kAvailable, "mounting it was cancelled");
  else if (volume_.state == VolumeState::kUnmounting)
    return_from_unmounting("unmounting it was cancelled");
  else if (volume_.state == VolumeState::kDead)
    start_grace();
  give_up(fail(Errc::kCancelled, "it was cancelled").error());
}

void VolumeMachine::probe(std::optional<uid_t> started_by, Done<void> done) {
  if (probing_) return probe_waiters_.add(std::move(done));
  if (busy() || !may_become(volume_.state, VolumeState::kProbing)) {
    // A new volume is in kProbing before it has been examined.
    if (busy() || volume_.state != VolumeState::kProbing)
      return done ? done(std::unexpected(why_not("examine"))) : void();
  }
  probe_waiters_.add(std::move(done));
  if (started_by) start_job("probe", *started_by);
  probing_ = tools_.prober.probe({.path = volume_.source.path,
                                  .device = volume_.source.device,
                                  .disk_sequence = volume_.source.disk_sequence,
                                  .image = volume_.source.image},
                                 [this](Result<ProbeRecord> record) { probed(std::move(record)); });
  reason_before_probe_ =
      volume_.state == VolumeState::kAvailable ? volume_.state_reason : std::string();
  become(VolumeState::kProbing, "examining the medium");
}

void VolumeMachine::probed(Result<ProbeRecord> record) {
  tools_.deferred.add(std::move(probing_));
  job_ = {};
  volume_.probe.reset();
  Result<void> outcome;
  if (record)
    volume_.probe = *std::move(record);
  else
    outcome = std::unexpected(std::move(record).error());
  owner_.on_probed(volume_.id, outcome);
  probe_waiters_.tell(outcome);
}

// For a mount found at start: people want to see its label. Changes nothing else.
void VolumeMachine::look_in_background() {
  if (background_probe_ || volume_.probe || !volume_.mount) return;
  background_probe_ = tools_.prober.probe({.path = volume_.source.path,
                                           .device = volume_.source.device,
                                           .disk_sequence = volume_.source.disk_sequence,
                                           .image = {}},
                                          [this](Result<ProbeRecord> record) {
                                            tools_.deferred.add(std::move(background_probe_));
                                            if (record) volume_.probe = *std::move(record);
                                            publish();
                                          });
}

void VolumeMachine::mount(MountOrder order, Done<std::string> done) {
  if (busy() || (volume_.state != VolumeState::kProbing &&
                 !may_become(volume_.state, VolumeState::kMounting)))
    return done ? done(std::unexpected(why_not("mount"))) : void();
  mount_waiters_.add(std::move(done));
  grace_.reset();
  start_mount_job(order);
  if (!volume_.mount) return start_mount(order);
  take_away([this, order = std::move(order)](const Result<void>& away) {
    if (away) return start_mount(order);
    job_ = {};
    start_grace();
    mount_waiters_.tell(std::unexpected(away.error()));
  });
}

// A user who does not want to wait for a long check gets a read-only mount.
void VolumeMachine::start_mount_job(const MountOrder& order) {
  JobTable::Description description{.operation = volume_.death ? "recover" : "mount",
                                    .volume = volume_.id,
                                    .started_by = order.started_by,
                                    .cancel = [this] { cancel(); }};
  if (order.decision.check != CheckFirst::kNo)
    description.skip = [this] {
      if (working_) working_->skip_check();
    };
  job_ = tools_.jobs.start(std::move(description));
}

void VolumeMachine::start_mount(const MountOrder& order) {
  volume_.mounted_for = order.decision.user;
  volume_.mounted_for_group = order.decision.group;
  volume_.mounted_for_name = order.decision.user_name;
  volume_.decided_by = order.rule;
  volume_.placed_by_others = order.decision.place != nullptr;
  volume_.last_unmount.reset();
  volume_.healings = {};
  working_ = tools_.mounting.mount(
      volume_.source, order.decision, [this](double share) { job_.set_progress(share); },
      [this](Result<LiveMount> live) { mounted(std::move(live)); });
  const bool check = order.decision.check != CheckFirst::kNo;
  become(VolumeState::kMounting, check ? "being checked before it is mounted" : "being mounted");
}

void VolumeMachine::join_mount(Done<std::string> done) {
  if (volume_.state == VolumeState::kMounting) return mount_waiters_.add(std::move(done));
  done(std::unexpected(why_not("mount")));
}

void VolumeMachine::mounted(Result<LiveMount> live) {
  end_work();
  if (!live) {
    journal_mount_failed(volume_, live.error());
    become(VolumeState::kAvailable, "mounting it failed: " + live.error().message());
    return mount_waiters_.tell(std::unexpected(live.error()));
  }
  if (auto check = std::exchange(live->check, {})) {
    const Result<CheckReply> reply = *std::move(check);
    journal_checked(volume_, "mount", reply);
    volume_.check = VolumeCheck{
        .operation = "mount", .reply = *reply, .when = std::chrono::system_clock::now()};
  }
  volume_.mount = *std::move(live);
  volume_.death.reset();
  volume_.dead_driver.clear();
  const std::string mount_point = volume_.mount->mount_point;
  save_record();
  journal_mounted(volume_);
  become(VolumeState::kMounted, "mounted");
  watch_mount();
  mount_waiters_.tell(mount_point);
}

void VolumeMachine::watch_mount() {
  const std::uint64_t number = ++watches_;
  watch_ =
      tools_.mounting.watch(*volume_.mount, {.on_healed =
                                                 [this, number](Mounting::Healed news) {
                                                   if (number == watches_) healed(std::move(news));
                                                 },
                                             .on_death =
                                                 [this, number](DriverDeath death) {
                                                   if (number == watches_) died(std::move(death));
                                                 },
                                             .on_unmounted =
                                                 [this, number](Mounting::UnmountResult result) {
                                                   if (number == watches_)
                                                     unmounted_by_others(std::move(result));
                                                 }});
}

void VolumeMachine::healed(Mounting::Healed news) {
  Healings& story = volume_.healings;
  ++story.count;
  story.cause = std::move(news.death.cause);
  story.when = news.death.when;
  story.longest_pause = std::max(story.longest_pause, news.pause);
  volume_.mount = std::move(news.mount);
  if (volume_.state == VolumeState::kMounted) save_record();
  journal_healed(volume_, news.pause);
  publish();
}

// Without its record the mount lives on, but the next airlockd would not know it.
void VolumeMachine::save_record() {
  MountRecord record;
  record.volume_id = volume_.id;
  record.source = volume_.source;
  record.source.image.reset();
  static_cast<MountFacts&>(record.mount) = *volume_.mount;
  record.user = volume_.mounted_for;
  record.user_name = volume_.mounted_for_name;
  record.decided_by = volume_.decided_by;
  record.leaving = volume_.state == VolumeState::kUnmounting;
  if (const auto saved = tools_.records.save(record); !saved)
    log(LogLevel::kWarning, "{}: a restart of airlockd would not find the mount: {}", volume_.id,
        saved.error().message());
}

void VolumeMachine::update_device(const Device& device) {
  volume_.device = device;
  publish();
  look_in_background();
}

void VolumeMachine::set_removable(bool removable) {
  if (volume_.removable == removable) return;
  volume_.removable = removable;
  publish();
}

void VolumeMachine::opener_left() {
  if (volume_.image) volume_.image->opener_is_there = false;
}

Result<void> VolumeMachine::take_over(LiveMount mount, uid_t user) {
  if (volume_.mount || working_ || !may_become(volume_.state, VolumeState::kMounted))
    return std::unexpected(why_not("take over"));
  probing_.reset();
  job_ = {};
  grace_.reset();
  volume_.mount = std::move(mount);
  volume_.placed_by_others = true;
  volume_.mounted_for = user;
  volume_.mounted_for_group = 0;
  volume_.mounted_for_name.clear();
  volume_.decided_by = "mount.airlock";
  volume_.last_unmount.reset();
  volume_.healings = {};
  volume_.death.reset();
  volume_.dead_driver.clear();
  save_record();
  journal_mounted(volume_);
  become(VolumeState::kMounted, "mounted with mount.airlock");
  watch_mount();
  look_in_background();
  probe_waiters_.tell(fail(Errc::kAlreadyMounted, "it was mounted meanwhile"));
  return {};
}

void VolumeMachine::adopt() {
  if (volume_.state == VolumeState::kMounted) return watch_mount();
  if (volume_.state == VolumeState::kUnmounting) return start_unmounting(UnmountForce::kNone);
  start_grace();
}

}  // namespace airlock
