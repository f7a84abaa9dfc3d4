// SPDX-License-Identifier: GPL-2.0-or-later
// The verb that makes a new filesystem, and what it says first of what will be lost.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <string>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"
#include "lib/base/text.h"
#include "lib/protocol/formats.h"

namespace airlock::ctl {
namespace {

// "SanDisk Cruzer"; may be empty.
std::string maker(const VolumeView& volume) {
  std::string name = volume.text("Vendor");
  if (!name.empty() && !volume.text("Model").empty()) name += " ";
  return name + volume.text("Model");
}

std::string content(const VolumeView& volume) {
  const std::string& type = volume.text("Type");
  if (type.empty()) return "nothing that is recognised";
  const std::string& label = volume.text("Label");
  return label.empty() ? fmt::format("{} without a label", type)
                       : fmt::format("{} {}", type, quote(label));
}

// "sdb1: 32.0 GiB, SanDisk Cruzer, holds exfat 'PHOTOS'"
std::string description(const VolumeView& volume) {
  std::string text =
      fmt::format("{}: {}", volume.id(), human_size(volume.properties.at("Size").number()));
  if (const std::string name = maker(volume); !name.empty()) text += ", " + name;
  return text + ", holds " + content(volume);
}

// A person who is asked is told, also with --quiet.
void announce(const Arguments& arguments, const VolumeView& volume) {
  if (arguments.quiet && arguments.yes) return;
  fmt::print(stderr, "{}\nEverything on it will be lost.\n", shown(description(volume)));
}

Result<void> check_unmounted(const VolumeView& volume) {
  const std::string& place = volume.text("MountPoint");
  if (place.empty()) return {};
  return fail(Errc::kBusy, "{} is mounted on {}: unmount it first", volume.id(), place);
}

// The name, not a letter: a person who means another medium notices.
Result<void> require_agreement(const Session& session, const VolumeView& volume) {
  if (session.arguments.yes) return {};
  if (::isatty(STDIN_FILENO) != 1)
    return fail(Errc::kInvalidArgument, "there is no terminal to ask on: add --yes to format {}",
                volume.id());
  fmt::print(stderr, "Type {} to format it: ", shown(volume.id()));
  std::string word;
  std::getline(std::cin, word);
  if (word == volume.id()) return {};
  return fail(Errc::kCancelled, "nothing was changed");
}

// Meanwhile another medium may have taken the name.
Result<void> require_same(Session& session, const VolumeView& before) {
  TRY(const auto now, find_volume(session.bus, before.id()));
  constexpr std::array kTelling = {"Device", "Serial", "Model", "Type", "Label", "Uuid"};
  bool same = now.path == before.path &&
              now.properties.at("Size").number() == before.properties.at("Size").number();
  for (const char* name : kTelling) same = same && now.text(name) == before.text(name);
  if (same) return {};
  return fail(Errc::kNotFound, "{} is another medium now: nothing was changed", before.id());
}

Result<void> check_wish(const Arguments& arguments) {
  if (!arguments.type.empty()) return check_format(arguments.type, arguments.label);
  std::string types;
  for (const FormatRow& row : all_formats())
    types += (types.empty() ? "" : "|") + std::string(row.type);
  return fail(Errc::kInvalidArgument, "format it as what? Add --type {}", types);
}

}  // namespace

Result<void> format(Session& session) {
  const Arguments& arguments = session.arguments;
  TRY_VOID(check_wish(arguments));
  TRY(const auto volume, find_volume(session.bus, session.operand()));
  TRY_VOID(check_unmounted(volume));
  announce(arguments, volume);
  TRY_VOID(require_agreement(session, volume));
  TRY_VOID(require_same(session, volume));
  TRY_VOID(call_volume(session, volume.path,
                       {.method = "Format",
                        .arguments = {arguments.type, arguments.label, common_options(arguments)},
                        .shows_progress = true}));
  say(session, arguments.label.empty()
                   ? fmt::format("{} is formatted as {}.", shown(volume.id()), arguments.type)
                   : fmt::format("{} is formatted as {} and called {}.", shown(volume.id()),
                                 arguments.type, quote(arguments.label)));
  return {};
}

}  // namespace airlock::ctl
