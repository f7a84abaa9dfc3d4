// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Distinguishes a process from every other that had or will have its number. Can be recorded and
// compared after a restart (not after a reboot).
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start = 0;  // field 22 of /proc/PID/stat
  uid_t user = 0;           // the effective one

  bool operator==(const ProcessIdentity&) const = default;
};

// The process that has this number now. Errc::kNotFound if there is none, or only one that has
// ended.
Result<ProcessIdentity> identify_process(pid_t pid, const std::string& proc = "/proc");

// A pidfd of exactly this process; Errc::kNotFound if it has ended, even if another process has its
// number now.
Result<UniqueFd> open_process(const ProcessIdentity& identity);

// Field 22 of the text of a stat file, whatever the program's name is; 0 if it is missing or the
// process has ended.
std::uint64_t start_from_stat(std::string_view text);

}  // namespace airlock
