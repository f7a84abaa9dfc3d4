// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "daemon/launch/driver_table.h"
#include "daemon/policy/settings.h"
#include "daemon/policy/toml_document.h"
#include "lib/base/error.h"

namespace airlock {

// Reads values from one settings file. Its errors give file, line and column, and say what is wrong
// and what would be right. Does not know what the values mean; lives as long as the reading.
class SettingsReader {
 public:
  static constexpr std::size_t kMostTextBytes = 256;
  static constexpr std::size_t kMostListItems = 64;

  SettingsReader(std::string_view file, std::span<const DriverRow> drivers)
      : file_(file), drivers_(drivers) {}

  [[nodiscard]] std::span<const DriverRow> drivers() const { return drivers_; }
  [[nodiscard]] Origin origin(TomlPlace place) const;
  [[nodiscard]] std::unexpected<Error> wrong(TomlPlace place, std::string_view what) const;

  [[nodiscard]] Result<bool> truth(const TomlEntry& entry) const;
  [[nodiscard]] Result<std::int64_t> number(const TomlEntry& entry, std::int64_t least,
                                            std::int64_t most, std::string_view unit) const;
  // A string without control characters, neither empty nor longer than kMostTextBytes.
  [[nodiscard]] Result<std::string> text(std::string_view key, const TomlValue& value) const;
  // A list of such strings. `kAlsoOne`: a single string stands for a list of one.
  enum class ListForm { kListOnly, kAlsoOne };
  [[nodiscard]] Result<std::vector<std::string>> texts(const TomlEntry& entry, ListForm form) const;
  [[nodiscard]] Result<const TomlValue::Table*> table(const TomlEntry& entry) const;
  [[nodiscard]] Result<Automount> automount(const TomlEntry& entry) const;
  [[nodiscard]] Result<FileOwner> owner(const TomlEntry& entry) const;
  [[nodiscard]] Result<Heal> heal(const TomlEntry& entry) const;
  [[nodiscard]] Result<CheckWhen> check(const TomlEntry& entry) const;
  [[nodiscard]] Result<Uncontained> uncontained(const TomlEntry& entry) const;
  [[nodiscard]] Result<std::vector<std::string>> options(const TomlEntry& entry) const;
  // Calls the reader for values of type T.
  template <typename T>
  [[nodiscard]] Result<T> value(const TomlEntry& entry) const {
    if constexpr (std::is_same_v<T, bool>) return truth(entry);
    if constexpr (std::is_same_v<T, Automount>) return automount(entry);
    if constexpr (std::is_same_v<T, FileOwner>) return owner(entry);
    if constexpr (std::is_same_v<T, Heal>) return heal(entry);
    if constexpr (std::is_same_v<T, CheckWhen>) return check(entry);
    if constexpr (std::is_same_v<T, std::vector<std::string>>) return options(entry);
  }
  // Succeeds if there is a driver of this name.
  [[nodiscard]] Result<void> driver(TomlPlace place, std::string_view name) const;
  [[nodiscard]] Result<void> one_of(TomlPlace place, std::string_view key, std::string_view word,
                                    std::span<const std::string_view> words) const;
  // `prefix` precedes the key in the documentation: "deadlines.".
  [[nodiscard]] std::unexpected<Error> unknown_key(const TomlEntry& entry, std::string_view prefix,
                                                   std::span<const std::string_view> known) const;

 private:
  std::string_view file_;
  std::span<const DriverRow> drivers_;
};

// A key that a table may contain, and the function that reads it into a Target.
template <typename Target>
struct SettingsKey {
  std::string_view name;
  Result<void> (*read)(const SettingsReader& reader, const TomlEntry& entry, Target& target);
};

template <typename Target>
std::vector<std::string_view> names_of(std::span<const SettingsKey<Target>> keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

template <typename Target>
Result<void> read_table(const SettingsReader& reader, const TomlValue::Table& table,
                        std::string_view prefix,
                        std::span<const SettingsKey<std::type_identity_t<Target>>> keys,
                        Target& target) {
  for (const TomlEntry& entry : table) {
    const auto key = std::ranges::find(keys, entry.key, &SettingsKey<Target>::name);
    if (key == keys.end()) return reader.unknown_key(entry, prefix, names_of<Target>(keys));
    TRY_VOID(key->read(reader, entry, target));
  }
  return {};
}

// Reads a setting that both files and rules may have: a rule keeps the value, a file also its
// place.
template <typename Member, typename Target>
Result<void> read_setting(const SettingsReader& reader, const TomlEntry& entry, Target& target) {
  auto& setting = Member{}(target);
  using Value = typename std::remove_reference_t<decltype(setting)>::value_type;
  TRY(auto value, reader.value<Value>(entry));
  if constexpr (requires { setting.origin; })
    setting = {std::move(value), reader.origin(entry.place)};
  else
    setting = std::move(value);
  return {};
}

// The keys of those settings, followed by the target's own.
template <typename Target>
std::vector<SettingsKey<Target>> with_medium_settings(std::vector<SettingsKey<Target>> others) {
  std::vector<SettingsKey<Target>> keys;
  each_medium_setting([&](std::string_view key, auto member) {
    keys.push_back({key, &read_setting<decltype(member), Target>});
  });
  keys.insert(keys.end(), others.begin(), others.end());
  return keys;
}

// Parses "64 GiB", "500 MB" or "4096 B" to bytes; nothing if the form is wrong or the size too
// large.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace airlock
