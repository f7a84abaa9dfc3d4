// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <set>
#include <vector>

#include "lib/base/error.h"

namespace airlock::test {

using FilterProgram = std::vector<sock_filter>;

// The seccomp filters of a live process, as the kernel has them. Stops it for a moment. Takes root.
Result<std::vector<FilterProgram>> filters_of(pid_t process);

// What the kernel does with system calls, by their numbers.
struct TriedCalls {
  std::set<long> possible;    // with some arguments at least
  std::set<long> only_some;   // of these: not with all arguments
  std::set<long> refused;     // otherwise answered with an error, whatever the arguments
  std::set<long> unfiltered;  // by the kernel's own decision, whatever a filter says
};

// Makes every call there is, in a child of its own behind copies of these filters. An older filter
// of the child's holds what they let pass, so that nothing happens. A filter that looks at
// arguments is asked with those it looks for.
Result<TriedCalls> try_all_calls(const std::vector<FilterProgram>& filters);

}  // namespace airlock::test
