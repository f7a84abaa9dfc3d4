// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs about the contents of an unmounted medium.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"
#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

bool in_order(const std::string& verdict) {
  return verdict == "clean" || verdict == "dirty";
}

// The text after the name of the medium.
std::string sentence(const Value& result) {
  const std::string& verdict = result.at("verdict").text();
  const std::string& summary = result.at("summary").text();
  if (verdict == "checker-died") return "it is not known what is wrong: " + summary;
  return summary.empty() ? verdict : summary;
}

void print_result(const Session& session, const std::string& name, const Value& result) {
  if (session.arguments.json) return print_json(result);
  const bool fine = in_order(result.at("verdict").text());
  fmt::print("{}: {}\n", shown(name),
             paint(shown(sentence(result)), fine ? Color::kGreen : Color::kRed, session.color));
  if (const std::string& checker = result.at("checker").text(); !checker.empty())
    say(session, fmt::format("checked by {}", shown(checker)));
}

// A damaged medium is an answer, and an exit code.
Result<void> judge(const std::string& name, const Value& result) {
  const std::string& verdict = result.at("verdict").text();
  if (in_order(verdict)) return {};
  return fail(Errc::kCorrupted, "{} is not clean ({})", name, verdict);
}

Result<Value> ask(Session& session, const std::string& path, const char* method) {
  TRY(const auto answer, call_volume(session, path,
                                     {.method = method,
                                      .arguments = {common_options(session.arguments)},
                                      .shows_progress = true}));
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd did not report the result");
  return answer.front();
}

void print_log(Session& session, const std::string& path) {
  const auto answer = call_volume(session, path, {.method = "GetCheckLog", .arguments = {}});
  if (!answer || answer->empty()) return;
  for (const Value& line : answer->front().list()) fmt::print(stderr, "  {}\n", shown(line.text()));
}

Result<bool> person_agrees(const Session& session) {
  if (session.arguments.yes) return true;
  if (::isatty(STDIN_FILENO) != 1)
    return fail(Errc::kInvalidArgument, "there is no terminal to ask on: add --yes to repair it");
  fmt::print(stderr, "Repair it? Data that can't be saved is lost. [y/N] ");
  std::string word;
  std::getline(std::cin, word);
  return word == "y" || word == "Y" || word == "yes";
}

}  // namespace

Result<void> check(Session& session) {
  TRY(const auto path, path_of_operand(session));
  TRY(const auto result, ask(session, path, "Check"));
  print_result(session, session.operand(), result);
  if (!in_order(result.at("verdict").text()) && !session.arguments.quiet) print_log(session, path);
  return judge(session.operand(), result);
}

Result<void> repair(Session& session) {
  TRY(const auto path, path_of_operand(session));
  // Shows the necessary work before doing any.
  TRY(const auto before, ask(session, path, "Check"));
  if (before.at("verdict").text() == "clean") {
    print_result(session, session.operand(), before);
    say(session, "There is nothing to repair.");
    return {};
  }
  if (!session.arguments.quiet) {
    fmt::print(stderr, "{}: {}\n", shown(session.operand()), shown(sentence(before)));
    print_log(session, path);
  }
  TRY(const bool agreed, person_agrees(session));
  if (!agreed) return fail(Errc::kCancelled, "nothing was changed");
  TRY(const auto after, ask(session, path, "Repair"));
  print_result(session, session.operand(), after);
  return judge(session.operand(), after);
}

Result<void> label(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  const std::string& wanted = session.arguments.operands[1];
  TRY_VOID(call_volume(
      session, volume.path,
      {.method = "SetLabel", .arguments = {wanted, common_options(session.arguments)}}));
  say(session, wanted.empty()
                   ? fmt::format("{} has no label now.", shown(volume.id()))
                   : fmt::format("{} is called {} now.", shown(volume.id()), quote(wanted)));
  return {};
}

}  // namespace airlock::ctl
