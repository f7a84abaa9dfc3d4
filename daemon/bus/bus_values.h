// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/Error.h>
#include <sdbus-c++/Types.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/api/service.h"
#include "lib/base/error.h"

namespace airlock {

using BusMap = std::map<std::string, sdbus::Variant>;  // a{sv} as sent to the bus
using BusUsers = std::vector<sdbus::Struct<std::uint32_t, std::string, std::string>>;

// Converts our values for the bus. All text goes through bus_text().
PropertyValue clean(PropertyValue value);
std::vector<std::string> clean(const std::vector<std::string>& lines);
sdbus::Variant to_bus(const PropertyValue& value);
BusMap to_bus(const PropertyMap& values);
std::vector<BusMap> to_bus(const std::vector<PropertyMap>& rows);
BusUsers to_bus(const std::vector<Service::UserOfMount>& users);
sdbus::Error to_bus(const Error& error);  // org.airlock1.Error.*, with message()

}  // namespace airlock
