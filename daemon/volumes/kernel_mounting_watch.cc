// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/kernel_mounting_watch.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/volumes/kernel_mounting_unmount.h"
#include "lib/base/log.h"

namespace airlock {

KernelMountWatch::KernelMountWatch(MountingTools& tools, Heartbeat& heartbeat,
                                   const LiveMount& mount, Mounting::WatchEvents events)
    : tools_(tools),
      mount_(leaving_mount(mount)),
      events_(std::move(events)),
      driver_(tools.drivers.of(mount)) {
  if (driver_) driver_end_ = driver_->on_end([this](const DriverEnd& end) { driver_ended(end); });
  table_ = tools_.table.subscribe([this](const auto& table) { table_changed(table); });
  heartbeat_ = heartbeat.watch(mount_, driver_ ? mount.driver_pid : 0,
                               [this](Heartbeat::Finding finding) { found(finding); });
  tools_.watches.insert(this);
  look_again();  // it may have gone between the end of its making and now
}

KernelMountWatch::~KernelMountWatch() {
  tools_.watches.erase(this);
}

void KernelMountWatch::taken_away() {
  told_ = true;
  timer_.reset();
  heartbeat_.reset();
}

void KernelMountWatch::look_again() {
  auto soon = tools_.loop.soon([this] { look(); });
  if (soon) soon_ = std::move(*soon);
}

void KernelMountWatch::look() {
  if (const auto table = read_mount_table("/proc/self/mountinfo")) table_changed(*table);
  // An end nobody was told of because we were taking the mount away, and then were not.
  if (!vanished_ && driver_ && driver_->end()) driver_ended(*driver_->end());
}

std::vector<std::string> KernelMountWatch::last_lines() const {
  return driver_ ? driver_->last_lines() : std::vector<std::string>{};
}

bool KernelMountWatch::we_take_it_away() const {
  return tools_.on_their_way_out.contains(mount_.mount_id);
}

// A driver leaves because it has nothing to serve any more, or dies with its mount still there.
void KernelMountWatch::driver_ended(const DriverEnd& end) {
  if (told_ || we_take_it_away()) return;
  const auto table = read_mount_table("/proc/self/mountinfo");
  const bool there = table && find_mount(*table, mount_.mount_id, mount_.filesystem) != nullptr;
  if (!there) return tell_unmounted(end.clean());
  DriverDeath death = describe_death(end);
  death.last_lines = last_lines();
  tell_death(std::move(death));
}

void KernelMountWatch::table_changed(const MountTableWatch::Table& table) {
  if (vanished_ || told_ || we_take_it_away()) return;
  if (find_mount(table, mount_.mount_id, mount_.filesystem) == nullptr) vanished();
}

// Whether all was written shows in how the driver ends, which it does once nobody uses the mount.
void KernelMountWatch::vanished() {
  vanished_ = true;
  if (driver_ && driver_->end()) return tell_unmounted(driver_->end()->clean());
  const auto patience = driver_ ? tools_.options.stall : std::chrono::milliseconds(0);
  auto timer = tools_.loop.after(patience, [this] { tell_unmounted(false); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

void KernelMountWatch::found(Heartbeat::Finding finding) {
  if (told_ || vanished_ || we_take_it_away()) return;
  DriverDeath death;
  death.when = std::chrono::system_clock::now();
  death.last_lines = last_lines();
  if (finding == Heartbeat::Finding::kHung) {
    death.kind = "hang";
    const auto seconds = std::chrono::duration<double>(tools_.options.silence).count();
    death.cause = fmt::format("did not answer for {} s", seconds);
    if (driver_) driver_->kill();
    (void)tools_.control.abort(mount_.filesystem);
  } else {
    death.kind = "unknown";
    death.cause = "is gone, and nobody can say how it ended";
  }
  tell_death(std::move(death));
}

Departure::Departure(MountingTools& tools, std::uint64_t mount_id)
    : tools_(tools), mount_id_(mount_id) {
  tools_.on_their_way_out.insert(mount_id_);
}

void Departure::complete() {
  for (KernelMountWatch* watch : tools_.watches)
    if (watch->mount_id() == mount_id_) watch->taken_away();
}

void Departure::give_up() {
  if (!std::exchange(under_way_, false)) return;
  tools_.on_their_way_out.erase(tools_.on_their_way_out.find(mount_id_));
  for (KernelMountWatch* watch : tools_.watches)
    if (watch->mount_id() == mount_id_) watch->look_again();
}

void KernelMountWatch::tell_death(DriverDeath death) {
  told_ = true;
  heartbeat_.reset();
  if (events_.on_death) std::exchange(events_.on_death, {})(std::move(death));
}

void KernelMountWatch::tell_unmounted(bool clean) {
  if (std::exchange(told_, true)) return;
  heartbeat_.reset();
  if (events_.on_unmounted) std::exchange(events_.on_unmounted, {})(clean);
}

}  // namespace airlock
