// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "daemon/check/checker_run.h"
#include "daemon/loop/errand_queue.h"
#include "daemon/loop/event_loop.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mount/fuse_control.h"
#include "daemon/mounting/driver_watch.h"
#include "daemon/system/mount_table_watch.h"

namespace airlock {

class KernelMountWatch;

// The settings of a KernelMounting; the defaults are the daemon's.
struct MountingOptions {
  DriverPlaces places;
  std::string base = "/run/media";
  std::string mountinfo = "/proc/self/mountinfo";
  SessionDeadlines session;
  CheckerPlaces checkers;
  std::chrono::milliseconds check{900'000};  // before a mount that wants a check
  // How often a driver with requests waiting is examined, and how long it may leave a request of
  // ours unanswered before it counts as hung.
  std::chrono::milliseconds heartbeat{10'000};
  std::chrono::milliseconds silence{30'000};
  // An unmount goes on as long as anything moves; after this long without, it ends.
  std::chrono::milliseconds stall{60'000};
  // How long to wait after giving up on a driver, and for detaching a mount without a driver.
  std::chrono::milliseconds last_wait{5'000};
  // A lazy unmount waits this long to see whether anybody used the mount.
  std::chrono::milliseconds lazy_wait{1'000};
  // How often the driver of one mount is replaced; one that the medium itself kills would be killed
  // for ever.
  std::size_t heals_per_minute = 3;
  std::size_t errands_at_once = 16;  // of each kind
  // Knows how the drivers that it started ended. Outlives the mounting; nullptr: there is none.
  ServiceManager* services = nullptr;
};

// What the parts of a KernelMounting share.
struct MountingTools {
  MountingTools(EventLoop& event_loop, MountingOptions with)
      : loop(event_loop),
        options(std::move(with)),
        drivers(loop, options.services),
        table(loop, options.mountinfo),
        mounting(loop, options.errands_at_once),
        leaving(loop, options.errands_at_once),
        small(loop, options.errands_at_once),
        probing(loop, options.errands_at_once),
        searching(loop, 1) {}

  EventLoop& loop;
  MountingOptions options;
  FuseControl control;
  DriverWatches drivers;
  MountTableWatch table;
  // Separate kinds: sixteen drivers that don't answer must not block unmounts.
  ErrandQueue mounting, leaving, small, probing, searching;
  // Mounts that we are taking away ourselves, by number; their watchers need not report.
  std::multiset<std::uint64_t> on_their_way_out;
  // Mounts that an errand of ours holds open to ask their driver, by number: nobody can unmount
  // them.
  std::multiset<std::uint64_t> being_asked;
  std::set<KernelMountWatch*> watches;
};

}  // namespace airlock
