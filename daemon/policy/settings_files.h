// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "daemon/policy/settings.h"
#include "lib/base/error.h"

namespace airlock {

// Where settings are read from, first to last; later ones win:
//   <vendor>/airlock.toml, <vendor>/airlock.toml.d/*.toml in the order of their names, without
//   those that <admin> replaces with a file of the same name, then the same below <admin>.
// Missing files and folders are skipped.
struct SettingsPlaces {
  std::string vendor = "/usr/lib/airlock";
  std::string admin = "/etc/airlock";
  uid_t owner = 0;  // the required owner of files and folders; tests change it
};

inline constexpr std::string_view kSettingsFile = "airlock.toml";
inline constexpr std::string_view kSettingsFolder = "airlock.toml.d";
inline constexpr std::size_t kMostSettingsFiles = 256;

// `settings` can always be used. With an error they are those in force before, or at the start
// those of load_settings().
struct SettingsLoad {
  Settings settings;
  std::optional<Error> error;
};

// For the start. After an error in the administrator's files the vendor's settings apply, after an
// error in the vendor's the built-in ones; either way nothing is mounted automatically
// (Settings::mending).
SettingsLoad load_settings(const SettingsPlaces& places);

// For every later time: after any error all settings in force stay. A switch by hand stays.
SettingsLoad reload_settings(const SettingsPlaces& places, const Settings& in_force);

}  // namespace airlock
