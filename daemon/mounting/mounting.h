// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mount/live_mount.h"
#include "daemon/policy/decision.h"
#include "daemon/system/busy_processes.h"
#include "lib/base/error.h"

namespace airlock {

// How a driver ended, or what is wrong with it.
struct DriverDeath {
  // "signal", "exit", "forbidden-call", "out-of-memory", "hang", "flood", "unknown"
  std::string kind;
  std::string cause;  // one phrase after "the driver": "was killed by SIGSEGV"
  int signal_number = 0;
  int exit_code = 0;
  std::optional<long> forbidden_call;
  std::chrono::system_clock::time_point when;
  std::vector<std::string> last_lines;  // foreign text
  std::string coredump;                 // a reference that a person can use; empty: none
};

enum class UnmountForce {
  kNone,   // fails with Errc::kBusy if the mount is in use
  kLazy,   // detached now, flushed when no longer in use
  kForce,  // pending requests fail, data may be lost
};

// One running request to the mounting side (mount, unmount, eject ...). Destroying it cancels it
// and undoes what it has done so far.
class PendingOperation {
 public:
  virtual ~PendingOperation() = default;
  // For a mount: does not wait for the end of the check before it; the mount then becomes
  // read-only.
  virtual void skip_check() {}
  // For an unmount: continues by force, whatever stage it has reached.
  virtual void insist() {}
};

// A watched mount. Destroying the object ends the watching, not the mount.
class MountWatch {
 public:
  virtual ~MountWatch() = default;
  // The last lines the driver wrote, oldest first.
  [[nodiscard]] virtual std::vector<std::string> last_lines() const = 0;
};

// Everything that airlockd does to the kernel and to drivers, without ever blocking. It has one
// real implementation, and a fake for the tests of its callers.
class Mounting {
 public:
  template <typename T>
  using Done = std::move_only_function<void(Result<T>)>;
  // The end of a mount is a result. Only our own drivers vouch for it: they exit with 0 if
  // everything ever written is on the medium, including the last commit. The exit code of other
  // drivers says nothing about that.
  struct UnmountResult {
    bool flushed = false;  // nothing went wrong: the driver ended cleanly, our fsync succeeded
    bool vouched = false;  // the driver vouched too; only both together are safe to remove
    std::string warning;   // when not flushed: what may be lost, one sentence

    [[nodiscard]] bool safe() const { return flushed && vouched; }
  };
  // Another driver goes on with the mount; programs that use it noticed a pause.
  struct Healed {
    DriverDeath death;
    std::chrono::milliseconds pause{};
    LiveMount mount;  // the same one, with the new driver
  };
  struct WatchEvents {
    std::move_only_function<void(Healed)> on_healed;      // any number of times before the others
    std::move_only_function<void(DriverDeath)> on_death;  // at most once
    // The mount is no longer in the kernel's table though we did not unmount it.
    std::move_only_function<void(UnmountResult)> on_unmounted;  // at most once
  };

  virtual ~Mounting() = default;

  // Makes the mount point, checks the medium if that was decided, starts the driver, mounts. `done`
  // is called exactly once from the event loop, unless the operation is destroyed first. `checked`
  // hears how much of the check is done, from 0 to 1, if the checker tells.
  virtual std::unique_ptr<PendingOperation> mount(const MountSource& source,
                                                  const MountDecision& decision,
                                                  std::move_only_function<void(double)> checked,
                                                  Done<LiveMount> done) = 0;
  // Waits until the data is on the medium, then removes the mount point. `progress` gets the number
  // of bytes still to be written if the kernel can tell, at most four times a second.
  virtual std::unique_ptr<PendingOperation> unmount(
      const LiveMount& mount, const MountSource& source, UnmountForce force,
      std::move_only_function<void(std::uint64_t)> progress, Done<UnmountResult> done) = 0;
  // Puts everything that was written to the mount on the medium; takes a few seconds at most.
  virtual std::unique_ptr<PendingOperation> write_out(const LiveMount& mount,
                                                      const MountSource& source,
                                                      Done<bool> done) = 0;
  // Takes away a mount whose driver is dead or whose medium is gone: never waits for a driver.
  virtual std::unique_ptr<PendingOperation> detach(const LiveMount& mount, Done<bool> done) = 0;
  virtual std::unique_ptr<MountWatch> watch(LiveMount& mount, WatchEvents events) = 0;
  // Finds the processes that hold the mount; reads /proc in a process of its own.
  virtual std::unique_ptr<PendingOperation> find_users(const LiveMount& mount,
                                                       Done<std::vector<BusyProcess>> done) = 0;
  // Eject the medium of a whole drive, or switch the drive off.
  virtual std::unique_ptr<PendingOperation> eject(const std::string& drive_node,
                                                  Done<bool> done) = 0;
  virtual std::unique_ptr<PendingOperation> power_off(const std::string& drive_sysfs_path,
                                                      Done<bool> done) = 0;
};

}  // namespace airlock
