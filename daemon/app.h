// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "daemon/options.h"
#include "lib/base/error.h"

namespace airlock {

// Owns all parts of airlockd, in the order in which they are built; the only place that names the
// real classes. Start: watches and finds existing devices and mounts, shows them on the bus, and
// takes the name last. Stop: the reverse. Mounts live on.
class App {
 public:
  // Exit codes of airlockd, as in airlockd(8).
  static constexpr int kStopped = 0;
  static constexpr int kFailed = 1;
  static constexpr int kUsage = 2;
  static constexpr int kBusGone = 3;

  static Result<std::unique_ptr<App>> create(const DaemonOptions& options);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Runs until a signal, idleness or the end of the bus; returns the exit code.
  Result<int> run();

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace airlock
