// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <pwd.h>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"

namespace airlock::ctl {
namespace {

class Lines {
 public:
  explicit Lines(bool color) : color_(color) {}

  // Leaves the line out if the text is empty.
  void add(std::string_view name, const std::string& text, Color color = Color::kPlain) const {
    if (!text.empty()) fmt::print("{:<16}{}\n", name, paint(shown(text), color, color_));
  }

 private:
  bool color_;
};

std::string joined(const VolumeView& volume, std::initializer_list<const char*> names) {
  std::string text;
  for (const char* name : names)
    if (const std::string& part = volume.text(name); !part.empty())
      text += (text.empty() ? "" : " ") + part;
  return text;
}

void print_medium(const Lines& lines, const VolumeView& volume) {
  const Value& is = volume.properties;
  lines.add("name", volume.id(), Color::kBold);
  lines.add("device", volume.text("Device"));
  lines.add("medium", joined(volume, {"Vendor", "Model"}));
  lines.add("serial", volume.text("Serial"));
  lines.add("connected by", joined(volume, {"Bus", "Port"}));
  if (const std::uint64_t size = is.at("Size").number(); size > 0)
    lines.add("size", human_size(size));
  lines.add("kind", volume.text("Kind") + (is.at("Removable").truth() ? ", removable" : "") +
                        (is.at("WriteProtected").truth() ? ", write-protected" : ""));
  lines.add("holds",
            joined(volume, {"Type", "TypeVersion"}) +
                (is.at("Ambivalent").truth() ? " (ambiguous: several formats detected)" : ""));
  lines.add("label", volume.text("Label"));
  lines.add("uuid", volume.text("Uuid"));
  if (volume.text("Condition") != "unknown") lines.add("condition", volume.text("Condition"));
}

void print_check(const Lines& lines, const VolumeView& volume) {
  const Value& check = volume.properties.at("LastCheck");
  if (check.map().empty()) return;
  const std::string& verdict = check.at("verdict").text();
  const bool fine = verdict == "clean" || verdict == "dirty";
  lines.add("last check", fmt::format("{}: {}", verdict, check.at("summary").text()),
            fine ? Color::kPlain : Color::kRed);
  lines.add("checked by", check.at("checker").text());
  lines.add("checked on", human_time(check.at("when").number()));
}

std::string user_name(std::uint64_t uid) {
  const passwd* user = ::getpwuid(static_cast<uid_t>(uid));
  return user != nullptr ? user->pw_name : fmt::format("user {}", uid);
}

void print_state(const Lines& lines, const VolumeView& volume) {
  const Value& is = volume.properties;
  const std::string& state = volume.text("State");
  const Color color = state == "mounted" ? Color::kGreen
                      : state == "dead"  ? Color::kRed
                                         : Color::kPlain;
  lines.add("state", state, color);
  // A death is reported below; and some reasons only repeat the state.
  if (state != "dead" && volume.text("StateReason") != state)
    lines.add("because", volume.text("StateReason"));
  lines.add("decided by", volume.text("DecidedBy"));
  if (volume.uncontained_is_allowed())
    lines.add("not contained", volume.uncontained());
  else
    lines.add("NOT contained", volume.uncontained(), Color::kYellow);
  lines.add("mounted on", volume.text("MountPoint"));
  if (volume.text("MountPoint").empty()) return;
  lines.add("mounted for", user_name(is.at("MountedFor").number()));
  lines.add("since", human_time(is.at("MountedSince").number()));
  if (is.at("MountedReadOnly").truth())
    lines.add("read-only", volume.text("ReadOnlyReason").empty() ? "as requested"
                                                                 : volume.text("ReadOnlyReason"));
  lines.add("driver", volume.text("Driver"));
  lines.add("contained by", volume.text("DriverOrigin") == "builtin" ? "Airlock's own sandbox"
                                                                     : volume.text("DriverOrigin"));
  if (const auto pid = is.at("DriverPid").number(); pid != 0)
    lines.add("driver process", fmt::format("{}", pid));
}

void print_healings(const Lines& lines, const VolumeView& volume) {
  const Value& healed = volume.properties.at("Healed");
  if (healed.map().empty()) return;
  lines.add("healed",
            fmt::format("{} time{}: the driver {}; another one went on, nothing was lost",
                        healed.at("count").number(), healed.at("count").number() == 1 ? "" : "s",
                        healed.at("cause").text()));
  lines.add("longest pause", fmt::format("{} ms", healed.at("longest-pause-ms").number()));
}

void print_death(const Lines& lines, const VolumeView& volume) {
  const Value& death = volume.properties.at("Death");
  if (death.map().empty()) return;
  lines.add("what happened", "the driver " + volume.cause_of_death(), Color::kRed);
  lines.add("when", human_time(death.at("when").number()));
  lines.add("next", fmt::format("airlockctl recover {0}, or airlockctl log {0}", volume.id()));
}

void print_heading(std::string_view text) {
  fmt::print("\n{}:\n", text);
}

// A user who may not see these two gets the rest.
void print_containment(Session& session, const VolumeView& volume) {
  if (volume.text("State") != "mounted") return;
  const auto report =
      call_volume(session, volume.path, {.method = "GetContainment", .arguments = {}});
  if (!report || report->empty()) return;
  print_heading("what contains the driver, measured now");
  const std::string& text = report->front().text();
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    fmt::print("  {}\n", shown(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
}

void print_users(Session& session, const VolumeView& volume) {
  if (volume.text("State") != "mounted") return;
  const auto users = call_volume(session, volume.path, {.method = "GetUsers", .arguments = {}});
  if (!users || users->empty() || users->front().list().empty()) return;
  print_heading("in use by");
  for (const Value& user : users->front().list()) {
    const Value::List& parts = user.list();
    if (parts.size() == 3)
      fmt::print("  {} ({}) {}\n", parts[0].number(), shown(parts[1].text()),
                 shown(parts[2].text()));
  }
}

}  // namespace

Result<void> info(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  if (session.arguments.json) {
    print_json(volume.properties);
    return {};
  }
  const Lines lines(session.color);
  print_medium(lines, volume);
  print_check(lines, volume);
  print_state(lines, volume);
  print_healings(lines, volume);
  print_death(lines, volume);
  print_users(session, volume);
  print_containment(session, volume);
  return {};
}

Result<void> log_lines(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  TRY(const auto answer, call_volume(session, volume.path, {.method = "GetLog", .arguments = {}}));
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd sent no lines");
  if (session.arguments.json) {
    print_json(answer.front());
    return {};
  }
  for (const Value& line : answer.front().list()) fmt::print("{}\n", shown(line.text()));
  if (answer.front().list().empty()) say(session, "The driver has said nothing.");
  return {};
}

}  // namespace airlock::ctl
