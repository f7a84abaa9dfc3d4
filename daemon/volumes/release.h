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

// Letting go of whole drives: everything of one that is mounted is unmounted, one after the
// other, and only when all of it is on the medium the drive is ejected or switched off. May be
// asked of authorised callers only.
class DriveReleases {
 public:
  enum class Kind { kEject, kPowerOff };
  struct Order {
    Kind kind = Kind::kEject;
    std::string volume;  // the one that was named
    uid_t started_by = 0;
    bool force = false;  // unmount what is in use
    Reply<void> answer;
  };
  // Tells why an unmount failed as well as it can be told.
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
  // Ends all of them, unanswered ones with an error. Before the supervisor goes.
  void stop();
  // The drive is on its way out: nothing of it should be mounted now.
  [[nodiscard]] bool releasing(dev_t drive) const { return releases_.contains(drive); }
  // Fails if the drive is needed by somebody we must not disturb. Force overtakes the same without
  // it, and an unmount without it.
  [[nodiscard]] Result<void> check(const Volume& volume, Kind kind, bool force) const;

 private:
  struct Release {
    Order order;
    std::string node;
    std::string sysfs_path;
    JobTable::Job job;
    std::vector<Reply<void>> overtaken;  // answers of orders that this one was before it had force
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
