// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "daemon/policy/settings.h"
#include "lib/base/error.h"

namespace airlock {

// Where settings are read from, first to last; what is read later wins:
//   <vendor>/airlock.toml, <vendor>/airlock.toml.d/*.toml in the order of their names, without
//   those the administrator has one of the same name for, then the same below <admin>.
// What is missing is simply not there.
struct SettingsPlaces {
  std::string vendor = "/usr/lib/airlock";
  std::string admin = "/etc/airlock";
  uid_t owner = 0;  // whose files and folders must be, for tests
};

inline constexpr std::string_view kSettingsFile = "airlock.toml";
inline constexpr std::string_view kSettingsFolder = "airlock.toml.d";
inline constexpr std::size_t kMostSettingsFiles = 256;

// `settings` always can be used. With an error they are those in force before, or at the start
// what load_settings() says.
struct SettingsLoad {
  Settings settings;
  std::optional<Error> error;
};

// For the start. An error in the administrator's files leaves those of the vendor, an error there
// what is built in; and either way nothing is mounted by itself (Settings::mending).
SettingsLoad load_settings(const SettingsPlaces& places);

// For every later time: an error anywhere keeps the settings in force as a whole. What was switched
// by hand stays switched.
SettingsLoad reload_settings(const SettingsPlaces& places, const Settings& in_force);

}  // namespace airlock
