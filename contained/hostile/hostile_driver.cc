// SPDX-License-Identifier: GPL-2.0-or-later
//
// A driver that attacks, built only for tests: it enters the sandbox exactly as an honest driver
// does and then tries to get out.
//
//   airlock-hostile HOW WHAT [VICTIM SOCKET ABSTRACT-NAME PORT]
//
// HOW is "bare" (held by nothing, the control run that shows the attack works), "closed-gate" (the
// same, as if on a machine that knows no 32-bit calls), "unfiltered" (the launcher's sandbox
// without the last door), "confined" (as drivers are while they start) or "serving" (as they are
// from then on). WHAT is an attack or a behaviour. The outcome of an attack is one packet on the
// control channel: "won", "lost ERRNO" or, from a control run that dies of SIGSEGV, "fault" and the
// instruction that raised it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "contained/hostile/attack.h"
#include "contained/hostile/behaviour.h"
#include "contained/hostile/control_run.h"
#include "contained/runtime/confine.h"
#include "lib/base/log.h"

#if defined(__SANITIZE_ADDRESS__)
// The faults are the point; nobody else should catch them.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigill=0:"
         "handle_sigfpe=0:use_sigaltstack=0";
}
#endif

namespace airlock::hostile {
namespace {

constexpr std::array kFilter = {
#include "contained/hostile/filter.inc"
};

constexpr int kUsage = 64;
constexpr int kNotContained = 65;

Result<void> enter_sandbox(std::string_view how) {
  const bool closed_gate = how == "closed-gate";
  if (how == "bare" || closed_gate) {
    report_faults();
    return closed_gate ? close_gate() : Result<void>{};
  }
  TRY(const auto root, enter_empty_root());
  if (root != RootState::kEmpty) return fail(Errc::kSystem, "the root is not empty");
  if (how == "unfiltered") return {};
  TRY([[maybe_unused]] const auto confinement, confine(kFilter));
  if (how == "serving") return serve_only();
  return {};
}

Targets targets_from(const std::vector<char*>& words) {
  if (words.size() < 7) return {};
  return {.victim = static_cast<pid_t>(std::atoi(words[3])),
          .socket_path = words[4],
          .abstract_name = words[5],
          .port = static_cast<unsigned short>(std::atoi(words[6]))};
}

int attack_or_behave(std::string_view what, const Targets& targets) {
  const auto known = attacks();
  const auto attack = std::ranges::find(known, what, &NamedAttack::name);
  if (attack == known.end()) return behave(what);
  errno = 0;
  const int outcome = attack->run(targets);
  report(outcome == 0 ? "won" : fmt::format("lost {}", outcome));
  return 0;
}

int run(const std::vector<char*>& words) {
  if (words.size() == 2 && std::string_view(words[1]) == "executed") {
    report("won");
    return 0;
  }
  if (words.size() < 3) return kUsage;
  const std::string_view what = words[2];
  prepare_behaviour(what);
  prepare_attack(what);
  if (const auto entered = enter_sandbox(words[1]); !entered) {
    log(LogLevel::kError, "{}", entered.error().message());
    return kNotContained;
  }
  const int code = attack_or_behave(what, targets_from(words));
  return code < 0 ? kUsage : code;
}

}  // namespace
}  // namespace airlock::hostile

int main(int count, char** words) {
  airlock::log_open("airlock-hostile", airlock::LogLevel::kInfo);
  return airlock::hostile::run({words, words + count});
}
