// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the build: writes the filter made of the list it is built with. That of a worker allows
// the list; the one that is called narrowing takes it away.
#include <linux/blkzoned.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/seccomp.h>
#include <linux/sed-opal.h>

#include "contained/runtime/make_filter.h"

namespace airlock {
namespace {

const std::vector<SyscallRule> kCalls = {
#include AIRLOCK_CALLS
};

}  // namespace
}  // namespace airlock

int main() {
#if defined(AIRLOCK_NARROWS)
  return airlock::write_filter(airlock::make_narrowing_filter(airlock::kCalls));
#else
  return airlock::write_filter(airlock::make_filter(airlock::kCalls));
#endif
}
