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

// Makes the machine wait for us before it sleeps, for some seconds at most: logind's delay
// inhibitor. Without logind, and until it has answered, nothing waits. The lock is a descriptor,
// and our connection accepts none, so an errand asks for it over its own connection.
class SleepInhibitor {
 public:
  // For the start of the program: waits for the bus, never for logind. `connection` must outlive
  // it.
  static Result<std::unique_ptr<SleepInhibitor>> create(EventLoop& loop,
                                                        sdbus::IConnection& connection);

  void hold();
  // Lets the machine sleep, as far as we are concerned.
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
  UniqueFd held_;  // logind notices when we close it
  sdbus::Slot match_;
};

}  // namespace airlock
