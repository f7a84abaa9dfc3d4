// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace airlock {
namespace {

// The log sink is the one global of the project: entries come from every layer.
struct Sink {
  std::string program = "airlock";
  LogLevel most = LogLevel::kInfo;
  bool journal = false;
};

Sink& sink() {
  static Sink instance;
  return instance;
}

bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info = {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return false;
  return stream == fmt::format("{}:{}", info.st_dev, info.st_ino);
}

}  // namespace

void log_open(std::string_view program, LogLevel most) {
  sink() = Sink{.program = std::string(program), .most = most, .journal = stderr_is_the_journal()};
}

void log_line(LogLevel level, std::string_view text) {
  const Sink& out = sink();
  if (level > out.most) return;
  const std::string line = out.journal ? fmt::format("<{}>{}\n", static_cast<int>(level), text)
                                       : fmt::format("{}: {}\n", out.program, text);
  // If the log can't be written, there is nowhere to complain.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

bool log_shows(LogLevel level) {
  return level <= sink().most;
}

std::string_view log_program() {
  return sink().program;
}

bool log_goes_to_the_journal() {
  return sink().journal;
}

}  // namespace airlock
