// SPDX-License-Identifier: GPL-2.0-or-later
//
// The output of a checker: its own lines with names from the medium among them, so any bytes. For
// any output, the answer can be sent, only a repair changes anything, and damage named by the
// checker stays damage.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "contained/check/verdict.h"
#include "tests/fuzz/fuzz_input.h"

namespace airlock {
namespace {

void require(bool held) {
  if (!held) std::abort();
}

bool harmless(CheckVerdict verdict) {
  return verdict == CheckVerdict::kClean || verdict == CheckVerdict::kDirty;
}

// How the two checkers of sticks report a finding with -n.
int found_something(CheckerFamily family) {
  return family == CheckerFamily::kFat ? 1 : 4;
}

void judge_named_damage(CheckerFamily family, const std::string& output) {
  constexpr std::string_view kDamage = "Something is wrong with it.";
  const check::Ending ending{.code = found_something(family)};
  for (const std::string& all :
       {fmt::format("{}\n{}", output, kDamage), fmt::format("{}\n{}", kDamage, output)})
    require(!harmless(check::judge(family, CheckOperation::kCheck, ending, all).verdict));
}

void judge(FuzzInput input) {
  const auto family = static_cast<CheckerFamily>(input.byte() % 4);
  const auto operation = static_cast<CheckOperation>(
      input.byte() % (static_cast<unsigned>(CheckOperation::kFormat) + 1));
  check::Ending ending{.code = input.byte()};
  if (*ending.code == 255) ending = {.code = {}, .signal_number = input.byte()};
  const auto words = input.bytes(CheckReply::kMostLog * 2);
  const std::string output(words.begin(), words.end());

  const CheckReply reply = check::judge(family, operation, ending, output);
  require(!verdict_name(reply.verdict).empty());
  require(reply.checker.size() <= CheckReply::kMostChecker);
  require(reply.summary.size() <= CheckReply::kMostSummary);
  require(reply.log.size() <= CheckReply::kMostLog);
  require(!reply.changed || !only_reads(operation));
  require(ending.code || reply.verdict == CheckVerdict::kDied);
  (void)check::version_told(ending, output);
  if (family == CheckerFamily::kFat || family == CheckerFamily::kExfat)
    judge_named_damage(family, output);
}

}  // namespace
}  // namespace airlock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::judge(airlock::FuzzInput(std::span(data, size)));
  return 0;
}
