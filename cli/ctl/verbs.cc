// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/verbs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/ctl/terminal.h"
#include "cli/ctl/volume_view.h"

namespace airlock::ctl {
namespace {

constexpr std::size_t kAny = 64;
// A person may type a password, then gigabytes may have to be written to a slow stick.
constexpr std::chrono::seconds kActionDeadline{3600};

constexpr std::array kVerbs = {
    Verb{"list", "", "media, their state and where they are mounted", 0, 0, "all json quiet", list},
    Verb{"status", "", "the daemon: settings in force, waiting media", 0, 0, "json", status},
    Verb{"info", "DEVICE", "everything known about one medium", 1, 1, "json", info},
    Verb{"mount", "DEVICE|IMAGE", "mount a medium or an image file", 1, 1,
         "options type read-only no-ask json quiet", mount},
    Verb{"unmount", "DEVICE|FOLDER...", "write everything, unmount, say when it is safe", 1, kAny,
         "lazy force no-ask quiet", unmount},
    Verb{"eject", "DEVICE", "unmount all of the drive and eject it", 1, 1,
         "force power-off no-ask quiet", eject},
    Verb{"recover", "DEVICE", "mount again after its driver died", 1, 1,
         "read-only no-ask json quiet", recover},
    Verb{"detach", "DEVICE", "detach a dead mount", 1, 1, "no-ask quiet", detach},
    Verb{"skip", "DEVICE", "skip the check: mount it read-only now", 1, 1, "no-ask quiet", skip},
    Verb{"check", "DEVICE|IMAGE", "check a medium; change nothing", 1, 1, "no-ask json quiet",
         check},
    Verb{"repair", "DEVICE|IMAGE", "check, show the errors, fix them", 1, 1,
         "yes no-ask json quiet", repair},
    Verb{"label", "DEVICE NAME", "give a medium another label", 2, 2, "no-ask quiet", label},
    Verb{"format", "DEVICE", "make a new filesystem; all on it is lost", 1, 1,
         "type label yes no-ask quiet", format},
    Verb{"explain", "DEVICE", "why Airlock treats a medium as it does", 1, 1, "json", explain},
    Verb{"monitor", "", "print events until interrupted", 0, 0, "json", monitor},
    Verb{"drivers", "", "the filesystems that can be served", 0, 0, "json", drivers},
    Verb{"log", "DEVICE", "the last lines its driver wrote", 1, 1, "json", log_lines},
    Verb{"automount", "[on|off|ask]", "show or set whether media are mounted automatically", 0, 1,
         "no-ask json quiet", automount},
};

bool is_mount(const Value& job) {
  const std::string& operation = job.at("Operation").text();
  return operation == "mount" || operation == "recover";
}

std::string with_share(const std::string& what, const Value& job) {
  const auto* share = std::get_if<double>(&job.at("Progress").is);
  return share == nullptr || *share < 0 ? what : fmt::format("{}: {:.0f} %", what, *share * 100);
}

// The progress of a check, or the bytes still to be written. Empty if there is nothing to show.
std::string progress_of(const Value& job) {
  const std::string& operation = job.at("Operation").text();
  if (operation == "check") return with_share("checking", job);
  if (operation == "format") return with_share("formatting, do not unplug", job);
  if (operation == "repair") return with_share("repairing, do not unplug", job);
  if (is_mount(job)) return job.at("CanSkip").truth() ? with_share("checking first", job) : "";
  const std::uint64_t left = job.at("BytesLeft").number();
  return "writing, do not unplug yet: " + (left > 0 ? human_size(left) + " left" : "almost done");
}

// The work of the running job on this volume, on one line that is overwritten.
class ProgressLine {
 public:
  explicit ProgressLine(const Session& session) : session_(session) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r{:<60}\r", "");
  }

  void show(const std::string& volume) {
    const auto jobs = fetch_jobs(session_.bus);
    if (!jobs) return;  // only decoration
    const Value* telling = nullptr;
    for (const auto& [path, job] : *jobs)
      if (job.at("Volume").text() == volume && !progress_of(job).empty())
        telling = telling == nullptr ? &job : more_telling(telling, &job);
    if (telling != nullptr) show_job(*telling);
  }

 private:
  // An eject consists of unmounts, and they know the bytes left.
  static const Value* more_telling(const Value* one, const Value* other) {
    return other->at("BytesLeft").number() > one->at("BytesLeft").number() ? other : one;
  }

  void show_job(const Value& job) {
    if (!shown_ && is_mount(job))
      say(session_, fmt::format("To mount it read-only without waiting: airlockctl skip {}",
                                shown(session_.operand())));
    shown_ = true;
    fmt::print(stderr, "\r{:<50}", progress_of(job));
    std::fflush(stderr);
  }

  const Session& session_;
  bool shown_ = false;
};

}  // namespace

std::span<const Verb> all_verbs() {
  return kVerbs;
}

Result<Value::List> call_volume(Session& session, const std::string& path, VolumeCall call) {
  const bool live = call.shows_progress && !session.arguments.quiet && ::isatty(STDERR_FILENO) == 1;
  ProgressLine line(session);
  std::function<void()> meanwhile;
  if (live) meanwhile = [&] { line.show(path); };
  return session.bus.call({.path = path,
                           .interface = kVolume,
                           .method = std::move(call.method),
                           .arguments = std::move(call.arguments),
                           .deadline = kActionDeadline,
                           .meanwhile = std::move(meanwhile)});
}

CallOptions common_options(const Arguments& arguments) {
  CallOptions options;
  if (arguments.no_ask) options["auth.no_user_interaction"] = true;
  if (arguments.lazy) options["lazy"] = true;
  if (arguments.force) options["force"] = true;
  return options;
}

void print_json(const Value& value) {
  const JsonStyle style = ::isatty(STDOUT_FILENO) == 1 ? JsonStyle::kIndented : JsonStyle::kOneLine;
  fmt::print("{}\n", to_json(value, style));
}

void say(const Session& session, std::string_view text) {
  if (!session.arguments.quiet) fmt::print(stderr, "{}\n", text);
}

}  // namespace airlock::ctl
