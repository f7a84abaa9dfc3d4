// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "lib/base/error.h"

namespace airlock {

// Options of airlockd's command line. A settings file counts only where an option is not given.
struct DaemonOptions {
  enum class Kind { kRun, kHelp, kVersion };

  Kind kind = Kind::kRun;
  bool verbose = false;
  std::string state_directory = "/run/airlock";
  std::optional<std::string> settings_directory;  // the only place settings are read from
  std::optional<std::string> mount_base;
  std::optional<std::chrono::seconds> idle_exit;  // zero: never
  std::chrono::seconds death_grace{30};
};

// Errc::kInvalidArgument names the unknown word.
Result<DaemonOptions> parse_daemon_options(std::span<const std::string> arguments);

std::string daemon_help();

}  // namespace airlock
