// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "lib/base/error.h"

namespace airlock {

// One line to standard error per entry: "<6>text" if the journal reads it (JOURNAL_STREAM names our
// standard error), "program: text" for people. Never takes a lock that other code uses and never
// opens anything, so it also works inside a sandbox. Foreign text must be quote()d already.
enum class LogLevel { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };

// Call once at the start of main; entries above the level are dropped.
void log_open(std::string_view program, LogLevel most);

void log_line(LogLevel level, std::string_view text);

// The arguments of log_open(), and where standard error goes.
bool log_shows(LogLevel level);
std::string_view log_program();
bool log_goes_to_the_journal();

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace airlock
