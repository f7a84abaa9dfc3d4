// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/release.h"

#include <fmt/format.h>

#include <utility>

#include "lib/base/log.h"

namespace airlock {
namespace {

// The volume still has a mount in the kernel.
bool holds_mount(const Volume& volume) {
  return volume.mount.has_value() && volume.state != VolumeState::kGone;
}

// The users of a partitioned drive are those of its partitions, which are checked one by one. If
// something that is not a volume uses it, the kernel refuses us the drive in the end.
bool used_by_its_parts(const Device& device) {
  return device.number == device.drive && device.has_partitions;
}

// What may not have reached the medium, in words; empty: nothing.
std::string unwritten(const Volume& volume) {
  const auto& end = volume.last_unmount;
  const bool written = !end || end->outcome == UnmountEnd::Outcome::kSafe ||
                       end->outcome == UnmountEnd::Outcome::kDriveInUse;
  return written ? std::string() : fmt::format("{}: {}", volume.id, end->summary);
}

}  // namespace

bool DriveReleases::overtakes(dev_t drive, Kind kind, bool force) const {
  const auto found = releases_.find(drive);
  return force && found != releases_.end() && !found->second.order.force &&
         found->second.order.kind == kind;
}

Result<void> DriveReleases::check(const Volume& volume, Kind kind, bool force) const {
  if (!volume.device) return fail(Errc::kUnsupported, "an image is not a drive");
  if (overtakes(volume.device->drive, kind, force)) return {};
  if (releasing(volume.device->drive)) return fail(Errc::kBusy, "that is being done already");
  for (const Volume* part : parts_.supervisor.registry().of_drive(volume.device->drive)) {
    const Device now = parts_.devices.find(part->source.device).value_or(*part->device);
    if (!now.system_reason.empty())
      return fail(Errc::kNotPermitted, "{} belongs to the system: {}", now.name, now.system_reason);
    if (!holds_mount(*part) && !now.users.empty() && !used_by_its_parts(now))
      return fail(Errc::kBusy, "{} is in use: {}", now.name, now.users.front());
    const VolumeMachine& machine = *parts_.supervisor.find(part->id);
    if (machine.busy() && !(force && machine.can_force_unmount()))
      return fail(Errc::kBusy, "{} is {} just now", now.name, state_name(part->state));
  }
  return {};
}

void DriveReleases::start(Order order) {
  const Volume* volume = parts_.supervisor.registry().find(order.volume);
  if (volume == nullptr)
    return order.answer.give(fail(Errc::kPeerGone, "the medium was pulled out"));
  if (auto fine = check(*volume, order.kind, order.force); !fine)
    return order.answer.give(std::move(fine));
  const dev_t drive = volume->device->drive;
  if (const auto running = releases_.find(drive); running != releases_.end())
    return insist(running->second, std::move(order));
  Release& release = releases_[drive];
  const Device whole = parts_.devices.find(drive).value_or(*volume->device);
  release.node = whole.node;
  release.sysfs_path = whole.sysfs_path;
  release.job = parts_.supervisor.jobs().start(
      {.operation = order.kind == Kind::kEject ? "eject" : "power-off",
       .volume = order.volume,
       .started_by = order.started_by,
       .cancel = [this, drive] {
         const auto found = releases_.find(drive);
         if (found == releases_.end()) return;
         found->second.operation.reset();
         finish(drive, fail(Errc::kCancelled, "it was cancelled"));
       }});
  release.order = std::move(order);
  next(drive);
}

void DriveReleases::insist(Release& release, Order order) {
  release.overtaken.push_back(std::exchange(release.order.answer, std::move(order.answer)));
  release.order.force = true;
  const dev_t drive = parts_.supervisor.registry().find(order.volume)->device->drive;
  for (const Volume* part : parts_.supervisor.registry().of_drive(drive))
    if (auto& machine = *parts_.supervisor.find(part->id); machine.can_force_unmount())
      machine.unmount(UnmountForce::kForce, order.started_by, [](const auto&) {});
}

void DriveReleases::next(dev_t drive) {
  const auto found = releases_.find(drive);
  if (found == releases_.end()) return;  // cancelled
  for (const Volume* part : parts_.supervisor.registry().of_drive(drive))
    if (holds_mount(*part)) return unmount(drive, *parts_.supervisor.find(part->id));
  let_go(drive);
}

void DriveReleases::unmount(dev_t drive, VolumeMachine& machine) {
  const Order& order = releases_.at(drive).order;
  const std::string id = machine.volume().id;
  if (machine.volume().state == VolumeState::kDead)
    return machine.detach(order.started_by, [this, drive, id](const Result<void>& done) {
      if (!done) return finish(drive, std::unexpected(done.error()));
      go_on_after(drive, id);
    });
  machine.unmount(order.force ? UnmountForce::kForce : UnmountForce::kNone, order.started_by,
                  [this, drive, id](Result<Mounting::UnmountResult> done) {
                    if (done) return go_on_after(drive, id);
                    parts_.explain(id, done.error(), [this, drive](Error error) {
                      finish(drive, std::unexpected(std::move(error)));
                    });
                  });
}

void DriveReleases::go_on_after(dev_t drive, const std::string& volume) {
  const auto found = releases_.find(drive);
  if (found == releases_.end()) return;  // cancelled
  const Volume* ended = parts_.supervisor.registry().find(volume);
  if (ended != nullptr && found->second.unwritten.empty())
    found->second.unwritten = unwritten(*ended);
  next(drive);
}

// "Ejected" means that everything is written, so we don't say it unless it is true. A user who
// wants the medium out all the same asks again, now that nothing is mounted.
Result<void> DriveReleases::require_written(const Release& release) {
  if (release.unwritten.empty() || release.order.force) return {};
  const std::string_view done = release.order.kind == Kind::kEject ? "ejected" : "switched off";
  return fail(Errc::kIo, "it is unmounted, but not {}: {}", done, release.unwritten);
}

// From here on the medium may disappear: that is what the user asked for.
void DriveReleases::let_go(dev_t drive) {
  Release& release = releases_.at(drive);
  if (auto written = require_written(release); !written) return finish(drive, std::move(written));
  auto done = [this, drive](const Result<bool>& result) {
    if (result) return finish(drive, {});
    finish(drive, std::unexpected(result.error()));
  };
  release.operation = release.order.kind == Kind::kEject
                          ? parts_.mounting.eject(release.node, std::move(done))
                          : parts_.mounting.power_off(release.sysfs_path, std::move(done));
}

void DriveReleases::stop() {
  while (!releases_.empty())
    finish(releases_.begin()->first, fail(Errc::kPeerGone, "airlockd stopped before it was done"));
}

void DriveReleases::finish(dev_t drive, Result<void> result) {
  const auto found = releases_.find(drive);
  if (found == releases_.end()) return;
  Release release = std::move(found->second);
  releases_.erase(found);
  parts_.supervisor.deferred().add(std::move(release.operation));
  release.job = {};
  for (const auto& answer : release.overtaken) answer.give(result);
  release.order.answer.give(std::move(result));
}

}  // namespace airlock
