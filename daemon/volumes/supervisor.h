// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/devices/device.h"
#include "daemon/launch/driver_table.h"
#include "daemon/people/sessions.h"
#include "daemon/places/mount_records.h"
#include "daemon/system/mount_table_watch.h"
#include "daemon/volumes/deferred_delete.h"
#include "daemon/volumes/jobs.h"
#include "daemon/volumes/machine.h"
#include "daemon/volumes/registry.h"
#include "daemon/volumes/rules.h"

namespace airlock {

// Does what happens to volumes automatically: devices come and go, mounts of an earlier airlockd
// are found again, media are mounted or wait for a session. Owns the machines. VolumeService
// handles what people request.
class VolumeSupervisor final : public VolumeMachine::Owner {
 public:
  struct Parts {
    EventLoop& loop;
    Publisher& publisher;
    DeviceSource& devices;
    Prober& prober;
    Mounting& mounting;
    Checking& checking;
    Sessions& sessions;
    VolumeRules& rules;
    MountRecords& records;
    MountTableWatch* mount_table = nullptr;  // to tell what others mount; tests may have none
  };
  struct Options {
    std::chrono::milliseconds death_grace{30'000};
    std::chrono::milliseconds retry{5'000};
    std::string mount_base = "/run/media";
    std::string mountinfo = "/proc/self/mountinfo";
    bool kernel_has_fuseblk = false;
    // missing_for() with the places of this system. Empty: nothing is ever missing.
    std::function<std::string(const DriverRow&)> missing_for = {};
  };
  struct Listener {
    // The volume no longer exists; anything that still waits for it fails with `why`.
    std::move_only_function<void(const std::string& id, const Error& why)> on_removed;
    // A state changed, or the number of volumes.
    std::move_only_function<void()> on_changed;
  };

  VolumeSupervisor(Parts parts, Options options, Listener listener);
  VolumeSupervisor(const VolumeSupervisor&) = delete;
  VolumeSupervisor& operator=(const VolumeSupervisor&) = delete;
  ~VolumeSupervisor() override;

  // Finds the existing mounts, then listens to the devices. Call once.
  Result<void> start();
  // Sessions or settings changed.
  void replay();
  // Puts everything that was written to mounts on their media; calls `written` when that is over,
  // even if it failed. Only one call at a time counts.
  void write_everything(std::move_only_function<void()> written);
  // Examines media again that are not mounted: they may have been changed elsewhere meanwhile.
  void look_again();

  [[nodiscard]] VolumeRegistry& registry() { return registry_; }
  [[nodiscard]] JobTable& jobs() { return jobs_; }
  [[nodiscard]] DeferredDelete& deferred() { return deferred_; }
  [[nodiscard]] VolumeMachine* find(const std::string& id);
  // The facts behind a decision about the volume; the caller fills in the request.
  [[nodiscard]] Facts facts_of(const Volume& volume) const;
  // How many volumes are a reason to stay: removable media, and anything under way.
  [[nodiscard]] std::size_t reasons_to_stay();

  // Shows a device that a caller asks for before its event has arrived.
  void show(const Device& device) { on_device(DeviceEvent::kAdded, device); }
  enum class Look { kNow, kLater };  // kLater: when somebody asks who may have it examined
  VolumeMachine& add_image(VolumeImage image, Look look = Look::kNow);
  // Watches a mount that others made; returns the id of its volume.
  Result<std::string> take_over(AdoptedMount adopted);
  // The caller left: closes its images once they are not mounted.
  void opener_left(const std::string& sender);
  // Removes an image that is not mounted.
  void close_image(const std::string& id);

 private:
  // What only the automatic side needs to know about a volume.
  struct Supervised {
    std::unique_ptr<VolumeMachine> machine;
    bool decided = false;       // automount has had its one chance with this medium
    std::string last_decision;  // logged once, however often the same decision is made
  };

  void on_probed(const std::string& id, const Result<void>& outcome) override;
  void on_changed(const std::string& id) override;
  void on_ended(std::string id) override;
  [[nodiscard]] std::string in_use_beside(const Volume& volume) override;

  void on_device(DeviceEvent event, const Device& device);
  void device_is_there(const Device& device);
  void device_changed(VolumeMachine& machine, const Device& device);
  void add_device(const Device& device);
  void pull_out(VolumeMachine& machine);
  Supervised& add_volume(const std::string& wished_id, Volume volume);

  void apply_rules(VolumeMachine& machine);
  void decide(Supervised& entry);
  void decide_again(Supervised& entry);
  void decide_on_successor(dev_t device);
  void look(Supervised& entry);
  void carry_out(Supervised& entry, const Decision& decision);
  void log_once(Supervised& entry, const Decision& decision);
  [[nodiscard]] Decision automatic_decision(const Volume& volume) const;
  void close_unused_images();
  void wrote(const std::string& id, const Result<bool>& result);

  void watch_others();
  void look_for_others();
  void look_for_others(const std::vector<MountEntry>& table);
  void adopt();
  void adopt(AdoptedMount adopted);
  void pull_out_unclaimed();

  Parts parts_;
  Options options_;
  Listener listener_;
  VolumeRegistry registry_;
  JobTable jobs_;
  DeferredDelete deferred_;
  VolumeMachine::Tools tools_;
  std::map<std::string, Supervised> supervised_;
  std::set<std::string> adopted_;  // ids whose device has not been seen yet
  EventSource closing_;
  std::map<std::string, std::unique_ptr<PendingOperation>> writing_;  // by id
  std::move_only_function<void()> written_;
  std::unique_ptr<MountTableWatch::Subscription> others_;
};

}  // namespace airlock
