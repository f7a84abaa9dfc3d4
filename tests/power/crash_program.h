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

// What a session left: how many states were judged, and what was wrong with one of them.
struct Result {
  StateCounts states;
  std::string wrong;
};

// The last step of the history that was acknowledged before the log had so many events.
History::Step acknowledged(const RecordingMedium::Log& log, std::size_t events);

// Judges the states that `plan` chooses. `judge` says what is wrong with one, or nothing.
using StateJudge = std::function<std::string(const CrashState&)>;
Result judge_states(const std::vector<std::byte>& before, const RecordingMedium::Log& log,
                    const CrashPlan& plan, const StateJudge& judge);

// One session of a driver: the seed of its work, and how many states it may judge.
struct Turn {
  unsigned seed = 1;
  std::size_t most = 0;
  bool control = false;
};
using Session = std::function<Result(const Turn&)>;

// The sessions of a kind. Where their number is known, the seed counts them from 1 on, and the
// states asked for are shared out among all of them.
struct Sessions {
  Session run;
  std::size_t count = 0;
};

// The command line all programs here share: PROGRAM KIND STATES [SEED] [control], and PROGRAM
// kinds, which lists the kinds. It knows no filesystem; a driver's program says what a session is.
struct CrashProgram {
  std::string_view name;
  std::string_view without;  // what the control takes away
  std::size_t states_of_a_session = 0;
  std::vector<std::string_view> kinds;
  std::function<Sessions(std::string_view kind)> find;  // empty for a kind it does not know
};

// Runs sessions until there were so many states or one is wrong. Answers with 0 where nothing was
// lost; the control answers with 0 where something was.
int run_program(const CrashProgram& program, std::span<const std::string_view> words);

}  // namespace airlock::power
