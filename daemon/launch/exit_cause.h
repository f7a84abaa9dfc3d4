// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>
#include <optional>
#include <string>

#include "daemon/launch/line_tail.h"

namespace airlock {

// Why a worker ended, as exactly as the kernel and the worker's last line allow, and the words for
// it. The kernel tells that a call was forbidden (SIGSYS); only the worker tells its number.
struct ExitCause {
  enum class Kind {
    kExited,         // ended on its own; code says how
    kKilled,         // ended by a signal
    kForbiddenCall,  // the seccomp filter ended it
    kOutOfMemory,    // its own limit, its group's, or the machine's memory ran out
  };

  Kind kind = Kind::kExited;
  int code = 0;                        // kExited
  int signal_number = 0;               // kKilled
  std::optional<long> forbidden_call;  // kForbiddenCall, if the worker could still tell
  bool by_us = false;                  // kKilled: Worker::kill() sent the signal
  bool core_dumped = false;

  [[nodiscard]] bool clean() const { return kind == Kind::kExited && code == 0; }

  // For people, after "the driver": "was killed by SIGSEGV", "exited with code 3", "tried the
  // forbidden system call socket (41)".
  [[nodiscard]] std::string describe() const;
};

// Further facts at the time when a process is reaped.
struct ExitCircumstances {
  bool killed_by_us = false;
  bool memory_ran_out = false;  // in its group, or the kernel killed something for memory meanwhile
};

// Interprets the result of waitid() and the last lines of the worker.
ExitCause exit_cause(const siginfo_t& ended, const LineTail& last_lines,
                     ExitCircumstances circumstances);

// "SIGSEGV", or "signal 40" for a signal without a name.
std::string signal_name(int signal_number);

}  // namespace airlock
