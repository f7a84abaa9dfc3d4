// SPDX-License-Identifier: GPL-2.0-or-later
// airlockd, the daemon: it decides, mounts and watches, and never reads a medium.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "daemon/app.h"
#include "daemon/options.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

int run_daemon(const DaemonOptions& options) {
  if (::geteuid() != 0) {
    log(LogLevel::kError,
        "airlockd mounts for everybody and has to be root; the bus starts it when somebody asks: "
        "try airlockctl list");
    return App::kFailed;
  }
  auto app = App::create(options);
  const Result<int> exit_code = app ? (*app)->run() : std::unexpected(std::move(app).error());
  if (exit_code) return *exit_code;
  log(LogLevel::kError, "{}", exit_code.error().message());
  return App::kFailed;
}

int run(std::span<const std::string> arguments) {
  const auto options = parse_daemon_options(arguments);
  if (!options) {
    log(LogLevel::kError, "{}; see airlockd --help", options.error().message());
    return App::kUsage;
  }
  if (options->verbose) log_open("airlockd", LogLevel::kDebug);
  switch (options->kind) {
    case DaemonOptions::Kind::kHelp:
      fmt::print("{}", daemon_help());
      return App::kStopped;
    case DaemonOptions::Kind::kVersion:
      fmt::print("airlockd {}\n", AIRLOCK_VERSION);
      return App::kStopped;
    case DaemonOptions::Kind::kRun:
      break;
  }
  return run_daemon(*options);
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  airlock::log_open("airlockd", airlock::LogLevel::kInfo);
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  return airlock::run(arguments);
}
