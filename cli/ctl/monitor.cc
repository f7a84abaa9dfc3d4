// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <map>
#include <set>
#include <vector>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"

namespace airlock::ctl {
namespace {

// Turns signals into lines. Remembers all volumes, to name one that is gone, and to report the
// changes while airlockd was away.
class Reporter {
 public:
  explicit Reporter(const Session& session) : session_(session) {}

  void know(const std::vector<VolumeView>& volumes) {
    for (const VolumeView& volume : volumes) known_[volume.path] = volume.properties.map();
  }

  void compare(const std::vector<VolumeView>& volumes) {
    std::set<std::string> there;
    for (const VolumeView& volume : volumes) {
      there.insert(volume.path);
      const auto before = known_.find(volume.path);
      if (before == known_.end()) {
        appeared(volume.path, volume.properties);
      } else if (before->second["State"].text() != volume.text("State")) {
        changed(volume.path, volume.properties);
      }
    }
    const auto known = known_;
    for (const auto& [path, properties] : known)
      if (!there.contains(path)) removed(path);
  }

  void daemon_changed(bool there) {
    const char* event = there ? "started" : "stopped";
    if (session_.arguments.json)
      return print({Value::Map{{"event", {std::string("daemon-") + event}}, {"time", {now()}}}});
    fmt::print("{}  airlockd has {}\n", human_time(now()), event);
  }

  void report(const BusClient::Signal& signal) {
    const Value::List& is = signal.arguments;
    if (signal.name == "InterfacesAdded" && is.size() == 2) {
      appeared(is[0].text(), is[1].at(kVolume));
    } else if (signal.name == "InterfacesRemoved" && is.size() == 2) {
      removed(is[0].text());
    } else if (signal.name == "PropertiesChanged" && is.size() == 3 && is[0].text() == kVolume) {
      changed(signal.path, is[1]);
    }
  }

 private:
  void appeared(const std::string& path, const Value& properties) {
    if (properties.map().empty()) return;  // a job, not a volume
    known_[path] = properties.map();
    line(path, "plugged");
  }

  void changed(const std::string& path, const Value& changes) {
    const auto known = known_.find(path);
    if (known == known_.end()) return;
    for (const auto& [name, value] : changes.map()) known->second.insert_or_assign(name, value);
    if (!changes.at("State").text().empty()) line(path, changes.at("State").text());
  }

  void removed(const std::string& path) {
    if (known_.contains(path)) line(path, "gone");
    known_.erase(path);
  }

  void line(const std::string& path, const std::string& event) {
    const Value volume{known_[path]};
    if (session_.arguments.json)
      return print({Value::Map{{"event", {event}}, {"time", {now()}}, {"volume", volume}}});
    const Color color = event == "dead"      ? Color::kRed
                        : event == "mounted" ? Color::kGreen
                                             : Color::kPlain;
    fmt::print("{}  {:<8} {}{}\n", human_time(now()), shown(volume.at("Id").text()),
               paint(shown(event), color, session_.color), details(event, volume));
  }

  // The text after the event, already safe to show.
  static std::string details(const std::string& event, const Value& volume) {
    if (event == "dead") return ": the driver " + shown(VolumeView{"", volume}.cause_of_death());
    if (event == "gone") return "";
    if (event == "plugged") return medium(volume);
    const std::string place =
        event == "mounted" ? " on " + shown(volume.at("MountPoint").text()) : "";
    const std::string& reason = volume.at("StateReason").text();
    return place + (reason.empty() || reason == event ? "" : " (" + shown(reason) + ")");
  }

  // ": ext4 "STICK", 32.0 GiB".
  static std::string medium(const Value& volume) {
    std::string text = shown(volume.at("Type").text());
    if (const std::string& label = volume.at("Label").text(); !label.empty())
      text += (text.empty() ? "\"" : " \"") + shown(label) + "\"";
    if (const std::uint64_t size = volume.at("Size").number(); size > 0)
      text += (text.empty() ? "" : ", ") + human_size(size);
    return text.empty() ? "" : ": " + text;
  }

  static void print(const Value& event) { fmt::print("{}\n", to_json(event, JsonStyle::kOneLine)); }

  static std::uint64_t now() { return static_cast<std::uint64_t>(std::time(nullptr)); }

  const Session& session_;
  std::map<std::string, Value::Map> known_;
};

// A restarted airlockd announces no older volumes, so ask for them.
Result<void> handle(Session& session, Reporter& reporter, const BusClient::Signal& signal) {
  if (signal.name != "NameOwnerChanged") {
    reporter.report(signal);
    return {};
  }
  const bool there = !signal.arguments[2].text().empty();
  reporter.daemon_changed(there);
  if (!there) return {};
  const auto volumes = fetch_volumes(session.bus);
  if (volumes) reporter.compare(*volumes);
  // It ended again: the next signal says so.
  if (volumes || volumes.error().code == Errc::kPeerGone) return {};
  return std::unexpected(volumes.error());
}

}  // namespace

Result<void> monitor(Session& session) {
  TRY_VOID(session.bus.subscribe());
  Reporter reporter(session);
  const auto volumes = fetch_volumes(session.bus);
  if (volumes) {
    reporter.know(*volumes);
    say(session, "Watching; Ctrl-C ends it.");
  } else if (volumes.error().code == Errc::kPeerGone) {
    say(session, "airlockd does not run. Watching for its start; Ctrl-C ends it.");
  } else {
    return std::unexpected(volumes.error());
  }
  // The reader of the output wants each line now, and may be gone.
  while (std::fflush(stdout) == 0) {
    TRY(const auto signal, session.bus.next_signal());
    TRY_VOID(handle(session, reporter, signal));
  }
  return {};
}

}  // namespace airlock::ctl
