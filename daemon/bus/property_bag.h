// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "daemon/api/property_map.h"

namespace airlock {

// The properties of one object: exactly those of the table it is made from, each with a fixed type.
// All text in it is clean().
class PropertyBag {
 public:
  // The table: every property of the interface with its default.
  explicit PropertyBag(const PropertyMap& defaults) : values_(defaults) {}

  // Takes the changed values and returns their names. A property that the interface does not have,
  // or one of another type, is our own mistake: it is logged and ignored.
  std::vector<std::string> update(PropertyMap changed);

  template <typename T>
  [[nodiscard]] T get(const char* name) const {
    const auto found = values_.find(name);
    const T* value = found == values_.end() ? nullptr : std::get_if<T>(&found->second);
    return value == nullptr ? T() : *value;
  }

 private:
  PropertyMap values_;
};

}  // namespace airlock
