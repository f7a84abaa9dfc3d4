// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the build: writes the filter airlock-ext installs.
#include "contained/runtime/make_filter.h"

namespace airlock {
namespace {

const std::vector<SyscallRule> kCalls = {
#include "contained/ext/syscalls.inc"
};

}  // namespace
}  // namespace airlock

int main() {
  return airlock::write_filter(airlock::kCalls);
}
