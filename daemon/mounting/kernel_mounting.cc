// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/kernel_mounting.h"

#include <utility>

#include "daemon/devices/drive_actions.h"
#include "daemon/mounting/detach_task.h"
#include "daemon/mounting/drive_errand.h"
#include "daemon/mounting/kernel_mount_watch.h"
#include "daemon/mounting/mount_task.h"
#include "daemon/mounting/unmount_task.h"
#include "daemon/system/busy_processes.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kLookAtProcesses = 20s;
// Optical drives are slow.
constexpr auto kDriveAction = 60s;
// logind waits five seconds by default.
constexpr auto kWriteOut = 4500ms;

// An errand that needs no undoing: destroying it is enough.
class SmallOperation final : public PendingOperation {
 public:
  explicit SmallOperation(std::unique_ptr<ErrandQueue::Ticket> errand)
      : errand_(std::move(errand)) {}

 private:
  std::unique_ptr<ErrandQueue::Ticket> errand_;
};

// An errand that holds a mount open; an unmount waits for it.
class AskingOperation final : public PendingOperation {
 public:
  AskingOperation(MountingTools& tools, std::uint64_t mount_id)
      : tools_(tools), asked_(tools.being_asked.insert(mount_id)) {}
  AskingOperation(const AskingOperation&) = delete;
  AskingOperation& operator=(const AskingOperation&) = delete;
  ~AskingOperation() override { tools_.being_asked.erase(asked_); }

  std::unique_ptr<ErrandQueue::Ticket> errand_;

 private:
  MountingTools& tools_;
  std::multiset<std::uint64_t>::iterator asked_;
};

template <typename Task>
std::unique_ptr<PendingOperation> begin(MountingTasks& tasks, std::shared_ptr<Task> task) {
  auto handle = tasks.add(task);
  task->start();
  return handle;
}

std::unique_ptr<PendingOperation> act_on_drive(ErrandQueue& queue, const char* what,
                                               std::move_only_function<Result<void>()> action,
                                               Mounting::Done<bool> done) {
  auto errand = queue.run(
      what, {.deadline = kDriveAction}, {},
      [action = std::move(action)]() mutable -> Result<ErrandReport> {
        TRY_VOID(action());
        return ErrandReport{};
      },
      [done = std::move(done)](Result<ErrandReport> report) mutable {
        if (report)
          done(true);
        else
          done(std::unexpected(std::move(report).error()));
      });
  return std::make_unique<SmallOperation>(std::move(errand));
}

}  // namespace

KernelMounting::KernelMounting(EventLoop& loop, MountingOptions options)
    : tools_(loop, std::move(options)) {}

std::unique_ptr<PendingOperation> KernelMounting::mount(
    const MountSource& source, const MountDecision& decision,
    std::move_only_function<void(double)> checked, Done<LiveMount> done) {
  return begin(tasks_, std::make_shared<MountTask>(tools_, tasks_, source, decision,
                                                   std::move(checked), std::move(done)));
}

std::unique_ptr<PendingOperation> KernelMounting::unmount(
    const LiveMount& mount, const MountSource& source, UnmountForce force,
    std::move_only_function<void(std::uint64_t)> progress, Done<UnmountResult> done) {
  return begin(tasks_, std::make_shared<UnmountTask>(tools_, tasks_, mount, source, force,
                                                     std::move(progress), std::move(done)));
}

std::unique_ptr<PendingOperation> KernelMounting::write_out(const LiveMount& mount,
                                                            const MountSource& source,
                                                            Done<bool> done) {
  std::vector<BorrowedFd> keep;
  if (source.image) keep.push_back(source.image->keeper());
  auto asking = std::make_unique<AskingOperation>(tools_, mount.mount_id);
  asking->errand_ = tools_.probing.run(
      "write everything out", {.deadline = kWriteOut, .lender = lender_of(source.image)}, keep,
      [leaving = MountIdentity(mount), source] { return do_write_out(leaving, source); },
      [done = std::move(done)](Result<ErrandReport> report) mutable {
        if (report)
          done(true);
        else
          done(std::unexpected(std::move(report).error()));
      });
  return asking;
}

std::unique_ptr<PendingOperation> KernelMounting::detach(const LiveMount& mount, Done<bool> done) {
  return begin(tasks_, std::make_shared<DetachTask>(tools_, tasks_, mount, std::move(done)));
}

std::unique_ptr<MountWatch> KernelMounting::watch(LiveMount& mount, WatchEvents events) {
  return std::make_unique<KernelMountWatch>(tools_, heartbeat_, mount, std::move(events));
}

std::unique_ptr<PendingOperation> KernelMounting::find_users(const LiveMount& mount,
                                                             Done<std::vector<BusyProcess>> done) {
  auto errand = tools_.small.run(
      "find out who uses a mount", {.deadline = kLookAtProcesses}, {},
      [held = MountIdentity(mount)]() -> Result<ErrandReport> {
        return ErrandReport{.bytes = pack_busy_processes(find_busy_processes(held)),
                            .descriptors = {}};
      },
      [done = std::move(done)](Result<ErrandReport> report) mutable {
        if (report)
          done(unpack_busy_processes(report->bytes));
        else
          done(std::unexpected(std::move(report).error()));
      });
  return std::make_unique<SmallOperation>(std::move(errand));
}

std::unique_ptr<PendingOperation> KernelMounting::eject(const std::string& drive_node,
                                                        Done<bool> done) {
  const auto action = [drive_node]() -> Result<void> {
    TRY(const auto drive, drive_at_node(drive_node));
    return eject_medium(drive);
  };
  return act_on_drive(tools_.small, "eject", action, std::move(done));
}

std::unique_ptr<PendingOperation> KernelMounting::power_off(const std::string& drive_sysfs_path,
                                                            Done<bool> done) {
  const auto action = [drive_sysfs_path]() -> Result<void> {
    TRY(const auto drive, drive_at_sysfs_path(drive_sysfs_path));
    return airlock::power_off(drive);
  };
  return act_on_drive(tools_.small, "power off", action, std::move(done));
}

}  // namespace airlock
