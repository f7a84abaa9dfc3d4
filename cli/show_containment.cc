// SPDX-License-Identifier: GPL-2.0-or-later
// Prints the containment of a live process: show-containment PID
#include <fmt/format.h>

#include "daemon/launch/containment_report.h"
#include "lib/base/log.h"
#include "lib/base/number.h"

int main(int argc, char** argv) {
  airlock::log_open("show-containment", airlock::LogLevel::kNotice);
  const auto pid = argc == 2 ? airlock::parse_number<pid_t>(argv[1], 1) : std::nullopt;
  if (!pid) {
    airlock::log(airlock::LogLevel::kError, "usage: show-containment PID");
    return 1;
  }
  const auto report = airlock::measure_containment(*pid);
  if (!report) {
    airlock::log(airlock::LogLevel::kError, "{}", report.error().message());
    return 1;
  }
  fmt::print("{}", airlock::render(*report));
}
