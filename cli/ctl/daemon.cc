// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs about the daemon: status, drivers, automount, explain.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/ctl/characters.h"
#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"
#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

Result<Value> ask_manager(Session& session, const char* method,
                          std::vector<Argument> arguments = {}) {
  TRY(auto answer, session.bus.call({.path = kManagerPath,
                                     .interface = kManager,
                                     .method = method,
                                     .arguments = std::move(arguments),
                                     .deadline = std::chrono::seconds(180),
                                     .meanwhile = {}}));
  return answer.empty() ? Value{} : std::move(answer.front());
}

std::string as_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.is)) return shown(*text);
  if (std::holds_alternative<std::monostate>(value.is)) return "";
  std::string joined;
  for (const Value& item : value.list()) joined += (joined.empty() ? "" : ", ") + as_text(item);
  for (const auto& [name, item] : value.map())
    joined += (joined.empty() ? "" : ", ") + shown(name) + " " + as_text(item);
  if (!joined.empty()) return joined;
  const bool could_hold_some =
      std::holds_alternative<Value::List>(value.is) || std::holds_alternative<Value::Map>(value.is);
  return could_hold_some ? "none" : to_json(value, JsonStyle::kOneLine);
}

// False if the value is missing.
bool says_no(const Value& value) {
  const bool* said = std::get_if<bool>(&value.is);
  return said != nullptr && !*said;
}

std::string automount_sentence(const std::string& mode) {
  if (mode == "on") return "on: new media are mounted automatically";
  if (mode == "off") return "off: media are mounted only on request";
  if (mode == "ask") return "ask: media are announced, and mounted on request";
  return shown(mode);
}

void print_map(const Value::Map& map) {
  std::size_t widest = 0;
  for (const auto& [name, value] : map) widest = std::max(widest, width(shown(name)));
  for (const auto& [name, value] : map) {
    const std::string key = shown(name);
    fmt::print("  {}{:{}}  {}\n", key, "", widest - width(key), as_text(value));
  }
}

}  // namespace

Result<void> status(Session& session) {
  TRY(auto properties, fetch_properties(session.bus, kManagerPath, kManager));
  TRY(auto settings, ask_manager(session, "GetSettings"));
  if (session.arguments.json) {
    Value::Map all = properties.map();
    all.insert_or_assign("Settings", std::move(settings));
    print_json({std::move(all)});
    return {};
  }
  fmt::print("airlockd {}\n", shown(properties.at("Version").text()));
  fmt::print("automount {}\n", automount_sentence(properties.at("Automount").text()));
  if (const auto waiting = properties.at("Waiting").number(); waiting > 0)
    fmt::print("{} {} until somebody is logged in and the screen is unlocked\n", waiting,
               waiting == 1 ? "medium waits" : "media wait");
  if (const std::string& problem = properties.at("SettingsProblem").text(); !problem.empty())
    fmt::print("{} {}\n", paint("settings problem:", Color::kRed, session.color), shown(problem));
  fmt::print("settings in force:\n");
  print_map(settings.map());
  return {};
}

Result<void> drivers(Session& session) {
  TRY(const auto rows, ask_manager(session, "ListDrivers"));
  if (session.arguments.json) {
    print_json(rows);
    return {};
  }
  Table table({"DRIVER", "SERVES", "MODE", "STARTED BY", "PROGRAM"});
  for (const Value& row : rows.list()) {
    const bool there = !says_no(row.at("available"));
    table.add({{shown(row.at("name").text()), Color::kBold},
               {as_text(row.at("types"))},
               {says_no(row.at("writes")) ? "read-only" : "read-write"},
               {row.at("origin").text() == "builtin" ? "Airlock's own sandbox"
                                                     : shown(row.at("origin").text())},
               {shown(row.at("program").text()) + (there ? "" : " (not installed)"),
                there ? Color::kPlain : Color::kDim}});
  }
  fmt::print("{}", table.render(session.color));
  return {};
}

Result<void> automount(Session& session) {
  if (session.arguments.operands.empty()) {
    TRY(const auto properties, fetch_properties(session.bus, kManagerPath, kManager));
    const std::string& mode = properties.at("Automount").text();
    if (session.arguments.json) {
      print_json({Value::Map{{"automount", {mode}}}});
    } else {
      fmt::print("{}\n", session.arguments.quiet ? shown(mode) : automount_sentence(mode));
    }
    return {};
  }
  constexpr std::array<std::string_view, 3> kModes = {"on", "off", "ask"};
  const std::string& mode = session.operand();
  if (std::ranges::find(kModes, mode) == kModes.end())
    return fail(Errc::kInvalidArgument, "automount can be on, off or ask, not {}", quote(mode));
  TRY_VOID(ask_manager(session, "SetAutomount", {mode, common_options(session.arguments)}));
  say(session, "automount is " + automount_sentence(mode) +
                   ". This holds until airlockd reads its settings again.");
  return {};
}

Result<void> explain(Session& session) {
  // Any device can be explained, not only a volume, so the daemon looks the name up.
  std::string device = session.operand();
  const auto volume = find_volume(session.bus, device);
  if (volume) device = volume->id();
  if (!volume && volume.error().code != Errc::kNotFound) return std::unexpected(volume.error());
  TRY(const auto explanation, ask_manager(session, "Explain", {device}));
  if (session.arguments.json) {
    print_json(explanation);
    return {};
  }
  fmt::print("{}: {}\n",
             paint(shown(explanation.at("decision").text()), Color::kBold, session.color),
             shown(explanation.at("reason").text()));
  fmt::print("decided by {}\n", shown(explanation.at("rule").text()));
  for (const auto& [name, value] : explanation.map()) {
    if (name == "decision" || name == "reason" || name == "rule") continue;
    fmt::print("\n{}:\n", shown(name));
    if (!value.map().empty()) {
      print_map(value.map());
    } else if (!value.list().empty()) {
      for (const Value& line : value.list()) fmt::print("  {}\n", as_text(line));
    } else {
      fmt::print("  {}\n", as_text(value));
    }
  }
  return {};
}

}  // namespace airlock::ctl
