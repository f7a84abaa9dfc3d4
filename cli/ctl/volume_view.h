// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/ctl/bus_client.h"
#include "cli/ctl/value.h"

namespace airlock::ctl {

// One volume as airlockd described it at one moment: its path and properties.
struct VolumeView {
  std::string path;
  Value properties;  // a map

  [[nodiscard]] const std::string& text(std::string_view name) const {
    return properties.at(name).text();
  }
  // The words after "the driver".
  [[nodiscard]] std::string cause_of_death() const {
    const std::string& cause = properties.at("Death").at("cause").text();
    return cause.empty() ? "died" : cause;
  }
  // Where another program mounted it without a driver of ours; empty if nowhere.
  [[nodiscard]] std::string uncontained() const {
    const Value& mount = properties.at("Uncontained");
    if (mount.map().empty()) return {};
    return fmt::format("mounted on {} as {} by another program", mount.at("mount-point").text(),
                       mount.at("type").text());
  }
  // The settings allow that, so it is nothing to warn of.
  [[nodiscard]] bool uncontained_is_allowed() const {
    return properties.at("Uncontained").at("setting").text() == "allow";
  }
  [[nodiscard]] std::string id() const { return text("Id"); }
};

// The order of ids: runs of digits count as numbers ("sdb2" before "sdb10").
bool comes_before(std::string_view a, std::string_view b);

// All volumes, ordered by id.
Result<std::vector<VolumeView>> fetch_volumes(BusClient& bus);

// The current properties of one object.
Result<Value> fetch_properties(BusClient& bus, const std::string& path, const char* interface);

// The properties of the running jobs, by path.
Result<Value::Map> fetch_jobs(BusClient& bus);

// Finds a volume by its id, device, a link to the device, mount point or a path in it, the path of
// its image file, label or UUID. A label never wins over a name that the medium cannot choose.
// Errc::kNotFound lists the volumes; Errc::kInvalidArgument names both media if two share a label.
Result<VolumeView> find_volume(BusClient& bus, const std::string& called);
Result<VolumeView> choose_volume(std::vector<VolumeView> volumes, const std::string& called);

bool is_regular_file(const std::string& path);

// Whether the text can only mean an image file: it names a regular file, and looks like a path.
bool is_image_path(const std::string& path);

}  // namespace airlock::ctl
