// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/power/crash_states.h"
#include "tests/power/history.h"

namespace airlock::power {

// The result of a session: how many states were judged, and the fault of the first bad one.
struct Result {
  StateCounts states;
  std::string wrong;
};

// The last step of the history that was acknowledged within the first `events` of the log.
History::Step acknowledged(const RecordingMedium::Log& log, std::size_t events);

// Judges the states that `plan` chooses. `judge` describes the fault of a state, or returns
// nothing.
using StateJudge = std::function<std::string(const CrashState&)>;
Result judge_states(const std::vector<std::byte>& before, const RecordingMedium::Log& log,
                    const CrashPlan& plan, const StateJudge& judge);

// One session of a driver: the seed of its work, and the limit of states to judge.
struct Turn {
  unsigned seed = 1;
  std::size_t most = 0;
  bool control = false;
};
using Session = std::function<Result(const Turn&)>;

// The sessions of a kind. If their number is known, the seed counts them from 1 on, and the
// requested states are divided among them.
struct Sessions {
  Session run;
  std::size_t count = 0;
};

// The common command line of the programs here: PROGRAM KIND STATES [SEED] [control], and PROGRAM
// kinds, which lists the kinds. It knows no filesystem; each driver's program defines its sessions.
struct CrashProgram {
  std::string_view name;
  std::string_view without;  // the part that the control removes
  std::size_t states_of_a_session = 0;
  std::vector<std::string_view> kinds;
  std::function<Sessions(std::string_view kind)> find;  // empty for an unknown kind
};

// Runs sessions until there were that many states or one is bad. Returns 0 if nothing was lost; the
// control returns 0 if something was.
int run_program(const CrashProgram& program, std::span<const std::string_view> words);

}  // namespace airlock::power
