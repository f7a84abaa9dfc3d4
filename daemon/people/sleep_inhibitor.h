// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <memory>
#include <optional>

#include "daemon/loop/errand.h"
#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Makes a machine that wants to sleep wait for us, some seconds at most: logind's delay inhibitor.
// Without a logind, and until it has answered, nobody waits. The lock is a descriptor, and our
// connection takes none, so an errand asks for it over a connection of its own.
class SleepInhibitor {
 public:
  // For the start of the program: waits for the bus, never for logind. `connection` must outlive
  // it.
  static Result<std::unique_ptr<SleepInhibitor>> create(EventLoop& loop,
                                                        sdbus::IConnection& connection);

  void hold();
  // The machine may sleep, as far as we are concerned.
  void release();

 private:
  SleepInhibitor(EventLoop& loop, sdbus::IConnection& connection)
      : loop_(loop), connection_(connection) {}
  Result<void> watch();
  void owner_changed(sdbus::Message& signal);
  void ask();
  void answered(Result<ErrandReport> report);

  EventLoop& loop_;
  sdbus::IConnection& connection_;
  bool wanted_ = false;
  std::optional<Errand> asking_;
  UniqueFd held_;  // logind's end notices when it is closed
  sdbus::Slot match_;
};

}  // namespace airlock
