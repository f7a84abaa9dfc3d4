// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <memory>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Makes a machine that wants to sleep wait for us, some seconds at most: logind's delay inhibitor.
// Without a logind, and until it has answered, nobody waits.
class SleepInhibitor {
 public:
  // For the start of the program: waits for the bus, never for logind. `connection` must outlive
  // it.
  static Result<std::unique_ptr<SleepInhibitor>> create(sdbus::IConnection& connection);

  void hold();
  // The machine may sleep, as far as we are concerned.
  void release();

 private:
  explicit SleepInhibitor(sdbus::IConnection& connection) : connection_(connection) {}
  Result<void> watch();
  void owner_changed(sdbus::Message& signal);
  void ask();

  sdbus::IConnection& connection_;
  bool wanted_ = false;
  bool asking_ = false;
  UniqueFd held_;  // logind's end notices when it is closed
  std::unique_ptr<sdbus::IProxy> manager_;
  sdbus::Slot match_;
};

}  // namespace airlock
