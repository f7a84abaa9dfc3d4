// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/crash_program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

namespace airlock::power {
namespace {

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

Result run_sessions(const CrashProgram& program, const Sessions& sessions, std::size_t states,
                    Turn turn) {
  Result all;
  const auto goes_on = [&] {
    return sessions.count > 0 ? turn.seed <= sessions.count : all.states.all() < states;
  };
  while (goes_on() && all.wrong.empty()) {
    turn.most = sessions.count > 0
                    ? states / sessions.count + 1
                    : std::min(program.states_of_a_session, states - all.states.all() + 20);
    const Result one = sessions.run(turn);
    all.states += one.states;
    all.wrong = one.wrong;
    ++turn.seed;
  }
  return all;
}

}  // namespace

History::Step acknowledged(const RecordingMedium::Log& log, std::size_t events) {
  while (events > 0 && log[events - 1].kind != RecordingMedium::Event::Kind::kMark) --events;
  return events == 0 ? 0 : static_cast<History::Step>(log[events - 1].mark);
}

Result judge_states(const std::vector<std::byte>& before, const RecordingMedium::Log& log,
                    const CrashPlan& plan, const StateJudge& judge) {
  Result result;
  CrashStates states(before, log, plan);
  result.states = states.run([&](const CrashState& state) {
    const std::string wrong = judge(state);
    if (!wrong.empty())
      result.wrong = fmt::format("seed {}, {}: {}", plan.seed, state.text(), wrong);
    return wrong.empty();
  });
  return result;
}

int run_program(const CrashProgram& program, std::span<const std::string_view> words) {
  const bool control = !words.empty() && words.back() == "control";
  if (control) words = words.first(words.size() - 1);
  if (words.size() == 1 && words[0] == "kinds") {
    for (const std::string_view kind : program.kinds) fmt::print("{}\n", kind);
    return 0;
  }
  const bool counted = words.size() == 2 || words.size() == 3;
  const Sessions sessions = counted ? program.find(words[0]) : Sessions();
  const auto states = counted ? number(words[1]) : std::nullopt;
  const auto seed = words.size() == 3 ? number(words[2]) : 1;
  if (!sessions.run || !states || !seed) {
    fmt::print(stderr, "usage: {} KIND STATES [SEED] [control]\nKIND is {}\n", program.name,
               fmt::join(program.kinds, ", "));
    return 2;
  }
  const Result result =
      run_sessions(program, sessions, *states, {.seed = *seed, .most = 0, .control = control});
  const std::string kind =
      control ? fmt::format("{} without {}", words[0], program.without) : std::string(words[0]);
  // The reader's report about a state may be long, so the last line repeats the reason.
  fmt::print("{}: {}{}{}\n", kind, result.states.text(),
             result.wrong.empty() ? ", nothing is lost" : "; ", result.wrong);
  if (result.wrong.contains('\n'))
    fmt::print("{}: {}\n", kind, result.wrong.substr(0, result.wrong.find('\n')));
  return result.wrong.empty() != control ? 0 : 1;
}

}  // namespace airlock::power
