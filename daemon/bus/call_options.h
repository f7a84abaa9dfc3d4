// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sdbus-c++/Types.h>

#include <cstdint>
#include <map>
#include <string>

#include "daemon/api/service.h"
#include "lib/base/error.h"

namespace airlock {

using BusOptions = std::map<std::string, sdbus::Variant>;  // a{sv} as received from the bus

// The options that a method takes, as a set: OptionSet(kForce | kLazy).
enum OptionSet : std::uint8_t {
  kNoOptions = 0,
  kNoUserInteraction = 1,
  kMountOptions = 2,
  kType = 4,
  kForce = 8,
  kLazy = 16,
};
constexpr OptionSet operator|(OptionSet a, OptionSet b) {
  return static_cast<OptionSet>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

inline constexpr std::size_t kMostOptionBytes = 4096;

// Strict: a key that the method does not take, or a value of another type, is
// Errc::kInvalidArgument with the key, so that nobody believes in an option that was never read.
Result<CallOptions> read_options(const BusOptions& options, OptionSet taken);

}  // namespace airlock
