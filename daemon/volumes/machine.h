// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/loop/event_loop.h"
#include "daemon/mounting/checking.h"
#include "daemon/mounting/mounting.h"
#include "daemon/places/mount_records.h"
#include "daemon/policy/decision.h"
#include "daemon/probe/prober.h"
#include "daemon/volumes/deferred_delete.h"
#include "daemon/volumes/jobs.h"
#include "daemon/volumes/registry.h"
#include "daemon/volumes/volume.h"
#include "daemon/volumes/waiters.h"

namespace airlock {

// The life of one volume: its states, the one operation that may be under way, the watch over its
// mount. It carries out orders and reacts to events; others decide what should be done. It reports
// every outcome exactly once, even if the medium is pulled out halfway. The report may come from
// within the call that asked.
class VolumeMachine {
 public:
  template <typename T>
  using Done = std::move_only_function<void(Result<T>)>;

  // What all machines share.
  struct Tools {
    EventLoop& loop;
    VolumeRegistry& registry;
    JobTable& jobs;
    DeferredDelete& deferred;
    Prober& prober;
    Mounting& mounting;
    Checking& checking;
    MountRecords& records;
    std::chrono::milliseconds death_grace{30'000};  // before a dead mount is detached
    std::chrono::milliseconds retry{5'000};         // between attempts to detach
  };

  // The owner of the machine. It must not destroy the machine within these calls.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The machine waits in kProbing; this call must settle() or mount() it.
    virtual void on_probed(const std::string& id, const Result<void>& outcome) = 0;
    virtual void on_changed(const std::string& id) = 0;  // its state
    virtual void on_ended(std::string id) = 0;  // the last call: nothing is left; the volume may go
    // What else on its drive is mounted, busy or in use by others; empty: nothing.
    [[nodiscard]] virtual std::string in_use_beside(const Volume& volume) = 0;
  };

  VolumeMachine(Tools tools, Owner& owner, Volume& volume);
  VolumeMachine(const VolumeMachine&) = delete;
  VolumeMachine& operator=(const VolumeMachine&) = delete;
  ~VolumeMachine();

  [[nodiscard]] const Volume& volume() const { return volume_; }
  // An operation is under way that another one would have to wait for.
  [[nodiscard]] bool busy() const { return probing_ != nullptr || working_ != nullptr; }
  [[nodiscard]] bool examining() const { return probing_ != nullptr; }

  // Why the operation ("mount") can't begin now; call this only if it can't.
  [[nodiscard]] Error why_not(std::string_view operation) const;

  // The state in which it rests after a decision.
  void settle(VolumeState state, std::string reason, std::string rule);
  // Like settle(), for a volume that stays in its state.
  void explain(std::string reason, std::string rule);
  // Joins an examination that is under way. With a user, it becomes that user's job.
  void probe(std::optional<uid_t> started_by, Done<void> done);

  struct MountOrder {
    MountDecision decision;
    std::string rule;
    uid_t started_by = 0;
  };
  // A dead mount is detached first.
  void mount(MountOrder order, Done<std::string> done);
  // Waits for the mount that is under way.
  void join_mount(Done<std::string> done);
  // With force, also while an unmount without force is under way.
  void unmount(UnmountForce force, uid_t started_by, Done<Mounting::UnmountResult> done);
  [[nodiscard]] bool can_force_unmount() const;
  // Takes away the mount of a dead driver, and forgets the death.
  void detach(uid_t started_by, Done<void> done);
  // Why it was available before the last finished examination; empty if it was not.
  [[nodiscard]] const std::string& reason_before_probe() const { return reason_before_probe_; }
  // For a volume that is not mounted and was examined; fills in the type.
  [[nodiscard]] bool can_check() const;
  void check(CheckRequest request, uid_t started_by, Done<CheckReply> done);
  // The same for a request to format, which brings its type; what is on the medium does not matter.
  [[nodiscard]] bool can_format() const;
  void find_users(Done<std::vector<BusyProcess>> done);
  [[nodiscard]] std::vector<std::string> last_lines() const;

  // Updates what udev says about the same medium.
  void update_device(const Device& device);
  // Updates what the rules say about the medium.
  void set_removable(bool removable);
  // For an image: its opener left the bus.
  void opener_left();
  // The medium is gone. Ends with on_ended(), now or when its mount has been taken away.
  void pull_out(const std::string& why);
  // Continues with a mount of an earlier airlockd, which the volume already holds.
  void adopt();
  // Takes over a mount that mount.airlock just made. Ends an examination that is under way.
  Result<void> take_over(LiveMount mount, uid_t user);

 private:
  void become(VolumeState state, std::string reason);
  void publish() { tools_.registry.publish(volume_.id); }
  void start_job(std::string operation, uid_t started_by);
  void start_mount_job(const MountOrder& order);
  void end_work();
  void cancel();
  void give_up(const Error& why);

  void probed(Result<ProbeRecord> record);
  void start_mount(const MountOrder& order);
  void mounted(Result<LiveMount> live);
  void watch_mount();
  void save_record();
  void forget_mount();
  // The probe's finding is out of date: the end of the mount decides the condition.
  void remember_end(bool clean);

  // What is being done to the volume: "being checked".
  static std::string_view being(CheckOperation operation);
  void checked(CheckOperation operation, Result<CheckReply> reply);
  void keep_check(CheckOperation operation, CheckReply& reply);
  void cancel_check();
  // A filesystem that is only half made must not be found.
  void erase_unfinished();

  void start_unmounting(UnmountForce force);
  void unmounted(Result<Mounting::UnmountResult> result);
  // `how` is "unmounted", or says who did it.
  [[nodiscard]] UnmountEnd how_unmounted(const Mounting::UnmountResult& result,
                                         std::string_view how);
  [[nodiscard]] UnmountEnd how_detached();
  void leave_mount(UnmountEnd end);
  void return_from_unmounting(const std::string& why);
  void healed(Mounting::Healed healed);
  void died(DriverDeath death);
  void enter_dead(DriverDeath death);
  void unmounted_by_others(Mounting::UnmountResult result);
  void leave_to_others(const Mounting::UnmountResult& result);
  void take_away(Done<void> then);
  void start_grace();
  void end_grace();
  void take_away_gone();
  void stop_everything();
  void look_in_background();
  void found_users(std::uint64_t inquiry, Result<std::vector<BusyProcess>> users);

  Tools tools_;
  Owner& owner_;
  Volume& volume_;

  std::unique_ptr<PendingProbe> probing_;
  std::unique_ptr<PendingOperation> working_;
  JobTable::Job job_;
  Waiters<void> probe_waiters_;
  Waiters<std::string> mount_waiters_;
  Waiters<Mounting::UnmountResult> unmount_waiters_;
  bool forced_ = false;  // the unmount under way, or the last one
  Waiters<void> detach_waiters_;
  Waiters<CheckReply> check_waiters_;
  std::optional<CheckOperation> checking_;  // while it is under way
  std::string reason_before_check_;         // of its state
  std::string reason_before_probe_;         // the same, if the volume was available

  std::unique_ptr<MountWatch> watch_;
  std::uint64_t watches_ = 0;  // identifies the current watch; events of an older one are ignored
  // Events during an unmount; reported if the unmount fails.
  std::optional<DriverDeath> death_meanwhile_;
  std::optional<Mounting::UnmountResult> unmounted_meanwhile_;
  bool died_with_changes_ = false;  // the dead mount was writable
  EventSource grace_;
  int attempts_ = 0;                             // to detach the mount of a medium that is gone
  std::unique_ptr<PendingOperation> leftovers_;  // clears the place after others unmounted
  std::unique_ptr<PendingProbe> background_probe_;

  struct Inquiry {
    std::unique_ptr<PendingOperation> operation;
    Done<std::vector<BusyProcess>> done;
  };
  std::map<std::uint64_t, Inquiry> inquiries_;
  std::uint64_t last_inquiry_ = 0;
};

}  // namespace airlock
