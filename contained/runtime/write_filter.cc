// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the build: writes the filter of the worker whose list it is built with.
#include <linux/blkzoned.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
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
  return airlock::write_filter(airlock::kCalls);
}
