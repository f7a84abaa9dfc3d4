// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/mounting/mounting.h"
#include "daemon/volumes/jobs.h"
#include "daemon/volumes/requests.h"
#include "daemon/volumes/supervisor.h"

namespace airlock {

// Ejects whole drives or switches them off: unmounts everything on the drive, one volume after the
// other, and acts only once all data is on the medium. The caller must be authorised.
class DriveReleases {
 public:
  enum class Kind { kEject, kPowerOff };
  struct Order {
    Kind kind = Kind::kEject;
    std::string volume;  // the volume that the caller named
    uid_t started_by = 0;
    bool force = false;  // unmount even if in use
    Reply<void> answer;
  };
  // Explains as well as possible why an unmount failed.
  using Explain = std::function<void(const std::string& volume, Error error,
                                     std::move_only_function<void(Error)> explained)>;

  struct Parts {
    VolumeSupervisor& supervisor;
    Mounting& mounting;
    DeviceSource& devices;
    Explain explain;
  };
  explicit DriveReleases(Parts parts) : parts_(std::move(parts)) {}

  void start(Order order);
  // Ends all releases; answers those that have no answer with an error. Call before the supervisor
  // goes.
  void stop();
  // The drive is being released, so nothing on it should be mounted now.
  [[nodiscard]] bool releasing(dev_t drive) const { return releases_.contains(drive); }
  // Fails if somebody whom we must not disturb needs the drive. Force overtakes the same release
  // without force, and an unmount without force.
  [[nodiscard]] Result<void> check(const Volume& volume, Kind kind, bool force) const;

 private:
  struct Release {
    Order order;
    std::string node;
    std::string sysfs_path;
    JobTable::Job job;
    std::vector<Reply<void>> overtaken;  // answers to orders replaced by one with force
    std::string unwritten;               // what a mount that ended left unwritten; empty: nothing
    std::unique_ptr<PendingOperation> operation;
  };

  [[nodiscard]] bool overtakes(dev_t drive, Kind kind, bool force) const;
  void insist(Release& release, Order order);
  void next(dev_t drive);
  void unmount(dev_t drive, VolumeMachine& machine);
  void go_on_after(dev_t drive, const std::string& volume);
  static Result<void> require_written(const Release& release);
  void let_go(dev_t drive);
  void finish(dev_t drive, Result<void> result);

  Parts parts_;
  std::map<dev_t, Release> releases_;
};

}  // namespace airlock
