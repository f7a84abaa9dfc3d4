// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/bus_values.h"

#include <utility>

#include "daemon/bus/bus_text.h"
#include "daemon/bus/sdbus_bridge.h"

namespace airlock {
namespace {

using Details = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;

struct Cleaner {
  PropertyValue operator()(std::string& text) const { return bus_text(text); }
  PropertyValue operator()(std::vector<std::string>& lines) const { return clean(lines); }
  PropertyValue operator()(Details& details) const {
    Details cleaned;
    for (auto& [key, value] : details) {
      if (auto* text = std::get_if<std::string>(&value)) *text = bus_text(*text);
      cleaned.emplace(bus_text(key), std::move(value));
    }
    return cleaned;
  }
  PropertyValue operator()(auto number) const { return number; }
};

BusMap details_to_bus(const Details& details) {
  BusMap map;
  for (const auto& [key, value] : details)
    map.emplace(key, std::visit([](const auto& v) { return sdbus::Variant(v); }, value));
  return map;
}

struct Packer {
  sdbus::Variant operator()(const Details& details) const {
    return sdbus::Variant(details_to_bus(details));
  }
  sdbus::Variant operator()(const auto& value) const { return sdbus::Variant(value); }
};

}  // namespace

PropertyValue clean(PropertyValue value) {
  return std::visit(Cleaner(), value);
}

std::vector<std::string> clean(const std::vector<std::string>& lines) {
  std::vector<std::string> cleaned;
  cleaned.reserve(lines.size());
  for (const std::string& line : lines) cleaned.push_back(bus_text(line));
  return cleaned;
}

sdbus::Variant to_bus(const PropertyValue& value) {
  return std::visit(Packer(), clean(value));
}

BusMap to_bus(const PropertyMap& values) {
  BusMap map;
  for (const auto& [name, value] : values) map.emplace(bus_text(name), to_bus(value));
  return map;
}

std::vector<BusMap> to_bus(const std::vector<PropertyMap>& rows) {
  std::vector<BusMap> maps;
  maps.reserve(rows.size());
  for (const PropertyMap& row : rows) maps.push_back(to_bus(row));
  return maps;
}

BusUsers to_bus(const std::vector<Service::UserOfMount>& users) {
  BusUsers structs;
  structs.reserve(users.size());
  for (const auto& user : users)
    structs.emplace_back(user.pid, bus_text(user.name), bus_text(user.path));
  return structs;
}

sdbus::Error to_bus(const Error& error) {
  return sdbus_bridge::error(std::string(error_name(error.code)), bus_text(error.message()));
}

}  // namespace airlock
