// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <map>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "cli/ctl/volume_view.h"

namespace airlock::ctl {
namespace {

Color color_of(const std::string& state) {
  static const std::map<std::string_view, Color> kColors = {
      {"mounted", Color::kGreen},     {"dead", Color::kRed},        {"refused", Color::kYellow},
      {"waiting", Color::kYellow},    {"mounting", Color::kYellow}, {"probing", Color::kYellow},
      {"unmounting", Color::kYellow}, {"ignored", Color::kDim}};
  const auto found = kColors.find(state);
  return found == kColors.end() ? Color::kPlain : found->second;
}

// The mount point, or else the most useful other fact.
std::string last_column(const VolumeView& volume) {
  if (const std::string uncontained = volume.uncontained(); !uncontained.empty())
    return (volume.uncontained_is_allowed() ? "" : "NOT contained: ") + shown(uncontained);
  const std::string& state = volume.text("State");
  if (state == "dead")
    return fmt::format("the driver {}; try: airlockctl recover {}", shown(volume.cause_of_death()),
                       shown(volume.id()));
  const std::string& place = volume.text("MountPoint");
  if (place.empty()) return shown(volume.text("StateReason"));
  return shown(place) + (volume.properties.at("MountedReadOnly").truth() ? " (read-only)" : "");
}

// Hides media of no interest: those of the system, and disks shown as their partitions.
bool is_interesting(const VolumeView& volume) {
  return volume.text("State") != "ignored";
}

// A label may have 255 characters, each of up to four bytes.
constexpr std::size_t kWidestLabel = 24;

std::string size_cell(std::uint64_t bytes) {
  return bytes == 0 ? "" : human_size(bytes);
}

Table::Cell name_cell(const VolumeView& volume) {
  return {shown(volume.id()), Color::kBold};
}

}  // namespace

Result<void> list(Session& session) {
  TRY(auto volumes, fetch_volumes(session.bus));
  if (!session.arguments.all)
    std::erase_if(volumes, [](const VolumeView& volume) { return !is_interesting(volume); });
  if (session.arguments.json) {
    Value::List rows;
    for (VolumeView& volume : volumes) rows.push_back(std::move(volume.properties));
    print_json({std::move(rows)});
    return {};
  }
  if (session.arguments.quiet) {
    for (const VolumeView& volume : volumes) fmt::print("{}\n", shown(volume.id()));
    return {};
  }
  if (volumes.empty()) {
    say(session,
        "Nothing is plugged in. 'airlockctl list --all' also shows media that Airlock leaves "
        "alone.");
    return {};
  }
  Table table({"NAME", "STATE", "TYPE", "SIZE", "LABEL", "MOUNTED ON"});
  for (const VolumeView& volume : volumes) {
    const std::string& state = volume.text("State");
    const bool quiet = volume.uncontained().empty() || volume.uncontained_is_allowed();
    const Color color = quiet ? color_of(state) : Color::kYellow;
    table.add({name_cell(volume),
               {shown(state), color},
               {shown(volume.text("Type"))},
               {size_cell(volume.properties.at("Size").number())},
               {shortened(shown(volume.text("Label")), kWidestLabel)},
               {last_column(volume)}});
  }
  fmt::print("{}", table.render(session.color));
  return {};
}

}  // namespace airlock::ctl
