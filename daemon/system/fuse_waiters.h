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

// A task that waits inside the kernel for a FUSE driver to answer, as far as the task itself shows
// that. The driver has no influence on it and can't hide it.
struct FuseWaiter {
  // If a task is still in the same wait, all three are the same in two looks.
  struct Wait {
    pid_t task = 0;
    std::uint64_t started = 0;   // the task, in clock ticks since boot
    std::uint64_t switches = 0;  // how often it has left a processor
    auto operator<=>(const Wait&) const = default;
  };
  Wait wait;
  uid_t user = 0;
  // What it waits for; 0 if its system call does not tell. A path or a descriptor does.
  dev_t filesystem = 0;
  std::vector<dev_t> possible = {};  // if 0: the mounts in its namespace that its user may enter
  std::string request;               // "READ"; empty if not known
  // It waits for every filesystem of the machine: sync(1). That need not involve FUSE.
  bool for_all = false;
};

// Finds all of them, except the drivers themselves. Of users for whom `may_enter` is false, only
// tasks that sync: no other task of theirs can wait for the filesystems in question. Never reads
// the memory of such users, who could make that take for ever. Reads /proc only and needs root;
// meant for an errand.
std::vector<FuseWaiter> find_fuse_waiters(const std::function<bool(uid_t)>& may_enter,
                                          const SystemView& view = {});

// What a kernel stack waits for, in the form that /proc shows.
struct FuseWait {
  enum class Kind {
    kNone,
    kDriver,     // its functions name FUSE
    kPageFault,  // on a mapped file of any filesystem
    kSync,       // as FuseWaiter::for_all
  };
  Kind kind = Kind::kNone;
  std::string_view request;
};
FuseWait read_fuse_stack(std::string_view stack);

}  // namespace airlock
