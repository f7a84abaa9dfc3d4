// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sleep_guard.h"

#include "lib/base/log.h"

namespace airlock {

SleepGuard::SleepGuard(Parts parts) : parts_(parts) {
  parts_.sessions.on_sleep([this](bool sleeping) { sleeping ? going_to_sleep() : awake(); });
  parts_.inhibitor.hold();
}

void SleepGuard::going_to_sleep() {
  log(LogLevel::kInfo, "the machine is going to sleep: writing everything to the media");
  parts_.supervisor.write_everything([this] { parts_.inhibitor.release(); });
}

void SleepGuard::awake() {
  log(LogLevel::kInfo, "the machine is awake: media are examined again");
  parts_.inhibitor.hold();
  parts_.devices.look_again();
  parts_.supervisor.look_again();
}

}  // namespace airlock
