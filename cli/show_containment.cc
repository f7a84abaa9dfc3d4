// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what holds a live process: show-containment PID
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "daemon/launch/containment_report.h"
#include "lib/base/log.h"

int main(int argc, char** argv) {
  airlock::log_open("show-containment", airlock::LogLevel::kNotice);
  pid_t pid = 0;
  const char* end = argc == 2 ? argv[1] + std::strlen(argv[1]) : nullptr;
  if (end == nullptr || std::from_chars(argv[1], end, pid).ptr != end || pid <= 0) {
    airlock::log(airlock::LogLevel::kError, "usage: show-containment PID");
    return 1;
  }
  const auto report = airlock::measure_containment(pid);
  if (!report) {
    airlock::log(airlock::LogLevel::kError, "{}", report.error().message());
    return 1;
  }
  fmt::print("{}", airlock::render(*report));
}
