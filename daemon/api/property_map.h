// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace airlock {

// Strings, numbers and lists of strings: the values of properties.
using PropertyValue =
    std::variant<bool, std::uint32_t, std::int32_t, std::uint64_t, double, std::string,
                 std::vector<std::string>,
                 std::map<std::string, std::variant<std::string, std::int64_t, bool>>>;
using PropertyMap = std::map<std::string, PropertyValue>;

}  // namespace airlock
