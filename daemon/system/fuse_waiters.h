// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/system/busy.h"

namespace airlock {

inline constexpr std::string_view kSyncRequest = "SYNCFS";

// A task that waits inside the kernel for the answer of a FUSE driver, as far as the task itself
// shows that. The driver has no part in it and cannot hide it.
struct FuseWaiter {
  // The same task, still in the same wait, has the same three in two looks.
  struct Wait {
    pid_t task = 0;
    std::uint64_t started = 0;   // the task, in clock ticks since boot
    std::uint64_t switches = 0;  // how often it has left a processor
    auto operator<=>(const Wait&) const = default;
  };
  Wait wait;
  uid_t user = 0;
  // What it waits for; 0 where its system call does not tell. A path and a descriptor tell.
  dev_t filesystem = 0;
  std::vector<dev_t> possible = {};  // then: what its user may enter where it lives
  std::string request;               // "READ"; empty if not known
  // It waits for every filesystem of the machine: sync(1). Nothing says that this is about FUSE.
  bool for_all = false;
};

// All of them, the drivers themselves left out. Of users for whom `may_enter` says no only those
// who write everything out: nobody else's task can wait for the filesystems in question. Their
// memory is never read, which they could make last for ever. Reads /proc only and takes root; meant
// for an errand.
std::vector<FuseWaiter> find_fuse_waiters(const std::function<bool(uid_t)>& may_enter,
                                          const SystemView& view = {});

// What a stack of the kernel, as /proc shows it, waits for.
struct FuseWait {
  enum class Kind {
    kNone,
    kDriver,     // its functions name FUSE
    kPageFault,  // of a mapped file, on whatever filesystem
    kSync,       // as FuseWaiter::for_all
  };
  Kind kind = Kind::kNone;
  std::string_view request;
};
FuseWait read_fuse_stack(std::string_view stack);

}  // namespace airlock
