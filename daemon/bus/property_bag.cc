// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/property_bag.h"

#include <utility>

#include "daemon/bus/bus_values.h"
#include "lib/base/log.h"

namespace airlock {

std::vector<std::string> PropertyBag::update(PropertyMap changed) {
  std::vector<std::string> names;
  for (auto& [name, value] : changed) {
    const auto own = values_.find(name);
    if (own == values_.end() || own->second.index() != value.index()) {
      log(LogLevel::kWarning, "there is no property {} of that type", name);
      continue;
    }
    PropertyValue cleaned = clean(std::move(value));
    if (own->second == cleaned) continue;
    own->second = std::move(cleaned);
    names.push_back(name);
  }
  return names;
}

}  // namespace airlock
