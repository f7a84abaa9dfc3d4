// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs that change a medium.
#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "cli/ctl/handover.h"
#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"
#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

// A user without the right to write gets a read-only mount instead of a refusal.
Result<UniqueFd> open_image(const std::string& path, bool read_only) {
  constexpr int kFlags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  UniqueFd image(read_only ? -1 : ::open(path.c_str(), O_RDWR | kFlags));
  if (!image.valid()) image = UniqueFd(::open(path.c_str(), O_RDONLY | kFlags));
  if (!image.valid()) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "open the image {}", quote(path));
  }
  return image;
}

std::string file_name(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

Result<std::string> make_image_volume(Session& session) {
  TRY(const auto image, open_image(session.operand(), session.arguments.read_only));
  const std::array files = {image.borrow()};
  TRY(const auto handover, hand_over_files(session.bus, files));
  TRY(const auto answer, session.bus.call({.path = kManagerPath,
                                           .interface = kManager,
                                           .method = "OpenImage",
                                           .arguments = {handover, file_name(session.operand()),
                                                         common_options(session.arguments)},
                                           .deadline = std::chrono::seconds(180),
                                           .meanwhile = {}}));
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd created no volume");
  return answer.front().text();
}

// Turns an image into a volume; any other name is one already.
Result<VolumeView> find_or_open(Session& session) {
  const std::string& called = session.operand();
  const auto open = [&]() -> Result<VolumeView> {
    TRY(auto path, make_image_volume(session));
    return VolumeView{.path = std::move(path), .properties = {}};
  };
  if (is_image_path(called)) return open();
  auto found = find_volume(session.bus, called);
  if (!found && found.error().code == Errc::kNotFound) {
    if (is_regular_file(called)) return open();
    if (called.find_first_of("/.") != std::string::npos && !called.starts_with("/dev/"))
      return fail(Errc::kNotFound, "{} is neither a medium nor an image file", quote(called));
  }
  return found;
}

Result<std::string> path_of_what_to_mount(Session& session) {
  TRY(const auto volume, find_or_open(session));
  if (!volume.text("MountPoint").empty() && volume.text("State") == "mounted")
    return fail(Errc::kAlreadyMounted, "{} is mounted already, on {}", volume.id(),
                quote(volume.text("MountPoint")));
  return volume.path;
}

CallOptions mount_options(const Arguments& arguments) {
  CallOptions options = common_options(arguments);
  std::string words = arguments.options;
  if (arguments.read_only) words += words.empty() ? "ro" : ",ro";
  if (!words.empty()) options["options"] = words;
  if (!arguments.type.empty()) options["fstype"] = arguments.type;
  return options;
}

Result<void> report_mount(const Session& session, const Value::List& answer) {
  if (answer.empty()) return fail(Errc::kProtocol, "airlockd did not say where");
  const std::string& place = answer.front().text();
  if (session.arguments.json) {
    print_json({Value::Map{{"mount_point", {place}}}});
  } else {
    fmt::print("{}\n", shown(place));
  }
  return {};
}

// airlockd decides whether it may be unplugged: it also sees how other programs use the drive.
std::string unmounted_sentence(const std::string& name, const Value& how) {
  if (how.at("outcome").text() == "safe")
    return fmt::format("{} is unmounted: safe to remove.", name);
  const std::string& summary = how.at("summary").text();
  if (summary.empty()) return fmt::format("{} is unmounted.", name);
  return fmt::format("{}: {}.", name, shown(summary));
}

// An image is never unplugged, and its volume may have gone with its mount.
Result<Value> how_unmounted(Session& session, const VolumeView& volume) {
  if (volume.text("Kind") == "image") return Value{};
  TRY(const auto now, fetch_properties(session.bus, volume.path, kVolume));
  return now.at("LastUnmount");
}

Result<void> unmount_one(Session& session, const std::string& called) {
  TRY(const auto volume, find_volume(session.bus, called));
  TRY_VOID(call_volume(session, volume.path,
                       {.method = "Unmount",
                        .arguments = {common_options(session.arguments)},
                        .shows_progress = true}));
  if (session.arguments.lazy) {
    say(session, fmt::format("{} will be unmounted when no longer in use; do not unplug it before.",
                             shown(volume.id())));
  } else if (session.arguments.force) {
    say(session,
        fmt::format("{} is unmounted; data that was not written yet is lost.", shown(volume.id())));
  } else {
    // A volume unplugged meanwhile is unmounted as well.
    say(session,
        unmounted_sentence(shown(volume.id()), how_unmounted(session, volume).value_or(Value{})));
  }
  return {};
}

// airlockd unmounts all volumes of the drive, and says "ejected" only if their data was written.
// Earlier unmounts keep their reported outcome: this returns the first bad one, or nothing.
Result<std::string> unwritten_on_drive(Session& session, const VolumeView& ejected) {
  TRY(const auto volumes, fetch_volumes(session.bus));
  for (const VolumeView& volume : volumes) {
    const Value end = volume.properties.at("LastUnmount");
    const std::string& outcome = end.at("outcome").text();
    const bool written = outcome.empty() || outcome == "safe" || outcome == "drive-in-use";
    if (!written && volume.text("Drive") == ejected.text("Drive"))
      return fmt::format("{}: {}", volume.id(), end.at("summary").text());
  }
  return std::string();
}

std::string ejected_sentence(const Session& session, const VolumeView& volume,
                             const std::string& unwritten) {
  const std::string done = fmt::format("{} is {}", shown(volume.id()),
                                       session.arguments.power_off ? "switched off" : "ejected");
  if (session.arguments.force) return done + "; data that was not written yet is lost.";
  if (!unwritten.empty()) return fmt::format("{}. {}.", done, shown(unwritten));
  return done + ": safe to remove.";
}

}  // namespace

Result<std::string> path_of_operand(Session& session) {
  TRY(auto volume, find_or_open(session));
  return std::move(volume.path);
}

Result<void> mount(Session& session) {
  TRY(const auto path, path_of_what_to_mount(session));
  TRY(const auto answer, call_volume(session, path,
                                     {.method = "Mount",
                                      .arguments = {mount_options(session.arguments)},
                                      .shows_progress = true}));
  return report_mount(session, answer);
}

Result<void> unmount(Session& session) {
  Result<void> worst;
  for (const std::string& called : session.arguments.operands) {
    auto done = unmount_one(session, called);
    if (done) continue;
    // The others are unmounted all the same; the first failure is returned.
    if (worst) {
      worst = std::move(done);
    } else {
      fmt::print(stderr, "airlockctl: {}\n", shown(done.error().message()));
    }
  }
  return worst;
}

Result<void> eject(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  TRY(const auto unwritten, unwritten_on_drive(session, volume));
  const bool off = session.arguments.power_off;
  TRY_VOID(call_volume(session, volume.path,
                       {.method = off ? "PowerOff" : "Eject",
                        .arguments = {common_options(session.arguments)},
                        .shows_progress = true}));
  say(session, ejected_sentence(session, volume, unwritten));
  return {};
}

Result<void> recover(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  if (volume.text("State") != "dead")
    return fail(Errc::kInvalidArgument, "{} is not dead but {}: there is nothing to recover",
                volume.id(), volume.text("State"));
  const char* mode = session.arguments.read_only ? "read-only" : "read-write";
  TRY(const auto answer,
      call_volume(session, volume.path,
                  {.method = "Recover",
                   .arguments = {std::string(mode), common_options(session.arguments)},
                   .shows_progress = true}));
  return report_mount(session, answer);
}

Result<void> skip(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  TRY(const auto jobs, fetch_jobs(session.bus));
  for (const auto& [path, job] : jobs) {
    if (job.at("Volume").text() != volume.path || !job.at("CanSkip").truth()) continue;
    TRY_VOID(session.bus.call({.path = path,
                               .interface = kJob,
                               .method = "Skip",
                               .arguments = {common_options(session.arguments)},
                               .deadline = std::chrono::seconds(180),
                               .meanwhile = {}}));
    say(session,
        fmt::format("{} is being mounted read-only, without its check.", shown(volume.id())));
    return {};
  }
  return fail(Errc::kInvalidArgument, "{} is not being checked before a mount", volume.id());
}

Result<void> detach(Session& session) {
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  TRY_VOID(call_volume(session, volume.path,
                       {.method = "Detach", .arguments = {common_options(session.arguments)}}));
  say(session, fmt::format("{} is detached.", shown(volume.id())));
  return {};
}

}  // namespace airlock::ctl
