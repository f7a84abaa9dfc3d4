// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-uncontained TYPE [SETTINGS]: tells udev what the setting "uncontained" says, as
// properties of a device that holds TYPE. udev asks at every event, so there is no copy of the
// setting that could be old, and none to miss before airlockd runs. With "refuse" the properties
// also name a driver of ours for the type, whether there is one or not: udisks then has no other to
// fall back to.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "daemon/policy/settings_files.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr std::size_t kLongestType = 64;

bool is_letter_or_digit(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

// Of blkid, which has a list of them: but it is udev's word, and it becomes part of a name.
bool is_plain(std::string_view type) {
  return !type.empty() && type.size() <= kLongestType && std::ranges::all_of(type, [](char letter) {
    return is_letter_or_digit(letter) || letter == '_' || letter == '-';
  });
}

std::string in_capitals(std::string_view type) {
  std::string name(type);
  for (char& letter : name) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    if (!is_letter_or_digit(letter)) letter = '_';
  }
  return name;
}

int tell(std::string_view type, const SettingsPlaces& places) {
  const SettingsLoad load = load_settings(places);
  if (load.error) log(LogLevel::kError, "{}", load.error->message());
  const Uncontained uncontained = load.settings.uncontained.value;
  fmt::print("AIRLOCK_UNCONTAINED={}\n", to_word(uncontained));
  if (uncontained == Uncontained::kRefuse && is_plain(type))
    fmt::print("UDISKS_MOUNT_OPTIONS_{}_DRIVERS=airlock.{}\n", in_capitals(type), type);
  return 0;
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  airlock::log_open("airlock-uncontained", airlock::LogLevel::kInfo);
  if (argc != 2 && argc != 3) {
    airlock::log(airlock::LogLevel::kError, "usage: airlock-uncontained TYPE [SETTINGS]");
    return 2;
  }
  airlock::SettingsPlaces places;
  if (argc == 3) places = {.vendor = argv[2] + std::string("/none"), .admin = argv[2], .owner = 0};
  return airlock::tell(argv[1], places);
}
