// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings_parse.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <iterator>

#include "daemon/policy/rule_parse.h"
#include "daemon/policy/settings_reader.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::size_t kMostMountBase = 200;
constexpr std::size_t kMostPlaces = 16;

template <std::chrono::seconds Deadlines::* kMember, std::int64_t kLeast, std::int64_t kMost>
Result<void> read_deadline(const SettingsReader& reader, const TomlEntry& entry,
                           Deadlines& deadlines) {
  TRY(const std::int64_t count, reader.number(entry, kLeast, kMost, "a number of seconds"));
  deadlines.*kMember = std::chrono::seconds(count);
  return {};
}

constexpr auto kDeadlineKeys = std::to_array<SettingsKey<Deadlines>>({
    {"mount", read_deadline<&Deadlines::mount, 1, 600>},
    {"check", read_deadline<&Deadlines::check, 1, 86'400>},
    {"silence", read_deadline<&Deadlines::silence, 1, 3600>},
    {"heartbeat", read_deadline<&Deadlines::heartbeat, 0, 3600>},
});

template <std::uint32_t Limits::* kMember, std::int64_t kLeast, std::int64_t kMost>
Result<void> read_limit(const SettingsReader& reader, const TomlEntry& entry, Limits& limits) {
  TRY(const std::int64_t count, reader.number(entry, kLeast, kMost, "a number"));
  limits.*kMember = static_cast<std::uint32_t>(count);
  return {};
}

constexpr auto kLimitKeys = std::to_array<SettingsKey<Limits>>({
    {"images-per-user", read_limit<&Limits::images_per_user, 0, 1024>},
    {"calls-per-user", read_limit<&Limits::calls_per_user, 1, 4096>},
    {"volumes", read_limit<&Limits::volumes, 1, 65'536>},
    {"heals-per-minute", read_limit<&Limits::heals_per_minute, 0, 65'536>},
});

bool is_plain_path(std::string_view path) {
  if (path.size() < 2 || path.front() != '/') return false;
  path.remove_prefix(1);
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == path.size()) return true;
    path.remove_prefix(end + 1);
  }
}

Result<void> read_order(const SettingsReader& reader, const TomlEntry& entry, Settings& settings) {
  TRY(auto places, reader.texts(entry, SettingsReader::ListForm::kListOnly));
  if (places.empty() || places.size() > kMostPlaces)
    return reader.wrong(entry.value.place,
                        fmt::format("order has 1 to {} items, not {}", kMostPlaces, places.size()));
  for (const std::string& place : places)
    if (place != Settings::kBuiltinPlace && !is_plain_path(place))
      return reader.wrong(entry.value.place,
                          fmt::format("an item of order is \"builtin\" or a directory such as "
                                      "\"/run/airlock/drivers\", not {}",
                                      quote(place)));
  settings.driver_order = std::move(places);
  return {};
}

Result<void> read_disabled(const SettingsReader& reader, const TomlEntry& entry,
                           Settings& settings) {
  TRY(auto names, reader.texts(entry, SettingsReader::ListForm::kListOnly));
  for (const std::string& name : names) TRY_VOID(reader.driver(entry.value.place, name));
  settings.disabled_drivers = {std::move(names), reader.origin(entry.place)};
  return {};
}

constexpr auto kDriverKeys = std::to_array<SettingsKey<Settings>>({
    {"order", read_order},
    {"disabled", read_disabled},
});

Result<void> read_mount_base(const SettingsReader& reader, const TomlEntry& entry,
                             Settings& settings) {
  TRY(std::string path, reader.text(entry.key, entry.value));
  if (!is_plain_path(path) || path.size() > kMostMountBase)
    return reader.wrong(entry.value.place,
                        fmt::format("mount-base is a directory such as \"/run/media\", of at most "
                                    "{} bytes and without \"..\", not {}",
                                    kMostMountBase, quote(path)));
  settings.mount_base = {std::move(path), reader.origin(entry.place)};
  return {};
}

Result<void> read_uncontained(const SettingsReader& reader, const TomlEntry& entry,
                              Settings& settings) {
  TRY(const Uncontained value, reader.uncontained(entry));
  settings.uncontained = {value, reader.origin(entry.place)};
  return {};
}

Result<void> read_idle_exit(const SettingsReader& reader, const TomlEntry& entry,
                            Settings& settings) {
  TRY(const std::int64_t count, reader.number(entry, 0, 86'400, "a number of seconds"));
  settings.idle_exit = std::chrono::seconds(count);
  return {};
}

Result<void> read_deadlines(const SettingsReader& reader, const TomlEntry& entry,
                            Settings& settings) {
  TRY(const auto* table, reader.table(entry));
  return read_table<Deadlines>(reader, *table, "deadlines.", kDeadlineKeys, settings.deadlines);
}

Result<void> read_drivers(const SettingsReader& reader, const TomlEntry& entry,
                          Settings& settings) {
  TRY(const auto* table, reader.table(entry));
  return read_table<Settings>(reader, *table, "drivers.", kDriverKeys, settings);
}

Result<void> read_limits(const SettingsReader& reader, const TomlEntry& entry, Settings& settings) {
  TRY(const auto* table, reader.table(entry));
  return read_table<Limits>(reader, *table, "limits.", kLimitKeys, settings.limits);
}

Result<void> read_rules(const SettingsReader& reader, const TomlEntry& entry, Settings& settings) {
  const auto* blocks = std::get_if<TomlValue::Array>(&entry.value.value);
  if (blocks == nullptr)
    return reader.wrong(entry.value.place, "rules are written as [[rule]] blocks");
  for (const TomlValue& block : *blocks) {
    if (settings.rules.size() == kMostRules)
      return reader.wrong(block.place, fmt::format("there are more than {} rules", kMostRules));
    TRY(Rule rule, parse_rule(reader, block));
    settings.rules.push_back(std::move(rule));
  }
  return {};
}

const std::vector<SettingsKey<Settings>>& all_keys() {
  static const auto kKeys = with_medium_settings<Settings>({
      {"uncontained", read_uncontained},
      {"mount-base", read_mount_base},
      {"idle-exit", read_idle_exit},
      {"deadlines", read_deadlines},
      {"drivers", read_drivers},
      {"limits", read_limits},
      {"rule", read_rules},
  });
  return kKeys;
}

void add_names(std::vector<std::string>& all, std::string_view prefix,
               const std::vector<std::string_view>& names) {
  for (const std::string_view name : names)
    if (prefix != "rule." || name != "match") all.push_back(fmt::format("{}{}", prefix, name));
}

}  // namespace

Result<void> parse_settings(std::string_view text, std::string_view file, Settings& settings,
                            std::span<const DriverRow> drivers) {
  TRY(const TomlValue::Table table, parse_toml(text, file));
  return read_table<Settings>(SettingsReader(file, drivers), table, "", all_keys(), settings);
}

std::vector<std::string> setting_names() {
  std::vector<std::string> all;
  for (const auto& key : all_keys())
    if (key.name != "deadlines" && key.name != "drivers" && key.name != "limits" &&
        key.name != "rule")
      all.emplace_back(key.name);
  add_names(all, "deadlines.", names_of<Deadlines>(kDeadlineKeys));
  add_names(all, "drivers.", names_of<Settings>(kDriverKeys));
  add_names(all, "limits.", names_of<Limits>(kLimitKeys));
  add_names(all, "rule.", rule_keys());
  add_names(all, "rule.match.", match_keys());
  return all;
}

}  // namespace airlock
