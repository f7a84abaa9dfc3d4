// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/rule_parse.h"

#include <fmt/format.h>

#include <array>

#include "daemon/policy/folder_name.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using MatchKey = SettingsKey<RuleMatch>;
using RuleKey = SettingsKey<Rule>;

Result<void> read_patterns(const SettingsReader& reader, const TomlEntry& entry, RuleMatch& match) {
  TRY(auto patterns, reader.texts(entry, SettingsReader::ListForm::kAlsoOne));
  if (patterns.empty())
    return reader.wrong(entry.value.place, fmt::format("{} must not be empty", entry.key));
  match.texts.push_back({.key = entry.key, .patterns = std::move(patterns)});
  return {};
}

Result<void> read_kind(const SettingsReader& reader, const TomlEntry& entry, RuleMatch& match) {
  constexpr auto kKinds =
      std::to_array<std::string_view>({"disk", "partition", "optical", "loop", "image"});
  TRY(auto kinds, reader.texts(entry, SettingsReader::ListForm::kAlsoOne));
  if (kinds.empty()) return reader.wrong(entry.value.place, "kind must not be empty");
  for (const std::string& kind : kinds)
    TRY_VOID(reader.one_of(entry.value.place, entry.key, kind, kKinds));
  match.kinds = std::move(kinds);
  return {};
}

Result<std::uint64_t> read_size(const SettingsReader& reader, const TomlEntry& entry) {
  TRY(const std::string text, reader.text(entry.key, entry.value));
  if (const auto bytes = parse_byte_size(text)) return *bytes;
  return reader.wrong(entry.value.place,
                      fmt::format("{} is a size such as \"64 GiB\" (B, kB, MB, GB, TB, KiB, MiB, "
                                  "GiB or TiB), not {}",
                                  entry.key, quote(text)));
}

constexpr auto kMatchKeys = std::to_array<MatchKey>({
    {"vendor", read_patterns},
    {"model", read_patterns},
    {"serial", read_patterns},
    {"bus", read_patterns},
    {"port", read_patterns},
    {"backing-file", read_patterns},
    {"type", read_patterns},
    {"label", read_patterns},
    {"uuid", read_patterns},
    {"kind", read_kind},
    {"removable",
     [](const SettingsReader& reader, const TomlEntry& entry, RuleMatch& match) -> Result<void> {
       TRY(match.removable, reader.truth(entry));
       return {};
     }},
    {"min-size",
     [](const SettingsReader& reader, const TomlEntry& entry, RuleMatch& match) -> Result<void> {
       TRY(match.min_size, read_size(reader, entry));
       return {};
     }},
    {"max-size",
     [](const SettingsReader& reader, const TomlEntry& entry, RuleMatch& match) -> Result<void> {
       TRY(match.max_size, read_size(reader, entry));
       return {};
     }},
});

Result<void> read_match(const SettingsReader& reader, const TomlEntry& entry, Rule& rule) {
  TRY(const auto* table, reader.table(entry));
  if (table->empty()) return reader.wrong(entry.place, "match must not be empty");
  TRY_VOID(read_table<RuleMatch>(reader, *table, "match.", kMatchKeys, rule.match));
  const RuleMatch& match = rule.match;
  if (match.min_size && match.max_size && *match.min_size > *match.max_size)
    return reader.wrong(entry.place, "min-size is larger than max-size: nothing would match");
  return {};
}

Result<void> read_name(const SettingsReader& reader, const TomlEntry& entry, Rule& rule) {
  TRY(rule.name, reader.text(entry.key, entry.value));
  return {};
}

Result<void> read_driver(const SettingsReader& reader, const TomlEntry& entry, Rule& rule) {
  TRY(rule.driver, reader.text(entry.key, entry.value));
  return reader.driver(entry.value.place, *rule.driver);
}

Result<void> read_folder(const SettingsReader& reader, const TomlEntry& entry, Rule& rule) {
  TRY(const std::string folder, reader.text(entry.key, entry.value));
  const std::string safe = safe_folder_name(folder);
  if (safe != folder)
    return reader.wrong(
        entry.value.place,
        fmt::format("folder is the name of one folder{}, not {}",
                    safe.empty() ? "" : fmt::format(", such as {}", quote(safe)), quote(folder)));
  rule.folder = folder;
  return {};
}

const std::vector<RuleKey>& all_rule_keys() {
  using Ignore = decltype([](Rule& rule) -> auto& { return rule.ignore; });
  using Removable = decltype([](Rule& rule) -> auto& { return rule.removable; });
  static const auto kKeys = with_medium_settings<Rule>({
      {"name", read_name},
      {"match", read_match},
      {"driver", read_driver},
      {"folder", read_folder},
      {"ignore", read_setting<Ignore, Rule>},
      {"removable", read_setting<Removable, Rule>},
  });
  return kKeys;
}

// Catches the likeliest mistake: vendor = "..." instead of match.vendor = "...".
Result<void> check_match_keys(const SettingsReader& reader, const TomlValue::Table& table) {
  for (const TomlEntry& entry : table) {
    const auto named = [&](const auto& key) { return key.name == entry.key; };
    if (std::ranges::none_of(all_rule_keys(), named) && std::ranges::any_of(kMatchKeys, named))
      return reader.wrong(
          entry.place,
          fmt::format("there is no setting \"rule.{0}\"; did you mean \"match.{0}\"?", entry.key));
  }
  return {};
}

bool has_key(const TomlValue::Table& table, std::string_view key) {
  return std::ranges::find(table, key, &TomlEntry::key) != table.end();
}

}  // namespace

Result<Rule> parse_rule(const SettingsReader& reader, const TomlValue& block) {
  const auto* table = std::get_if<TomlValue::Table>(&block.value);
  if (table == nullptr) return reader.wrong(block.place, "rules are written as [[rule]] blocks");
  Rule rule;
  TRY_VOID(check_match_keys(reader, *table));
  TRY_VOID(read_table<Rule>(reader, *table, "rule.", all_rule_keys(), rule));
  if (rule.name.empty())
    return reader.wrong(block.place, "the rule has no name; write name = \"what it is for\"");
  if (!has_key(*table, "match"))
    return reader.wrong(block.place,
                        fmt::format("rule {} has no match; what holds for everything stands "
                                    "outside of rules",
                                    quote(rule.name)));
  if (table->size() == 2)
    return reader.wrong(block.place, fmt::format("rule {} does nothing; it needs a setting such as "
                                                 "read-only = true",
                                                 quote(rule.name)));
  rule.origin = reader.origin(block.place);
  rule.origin.rule = rule.name;
  return rule;
}

std::vector<std::string_view> rule_keys() {
  return names_of<Rule>(all_rule_keys());
}

std::vector<std::string_view> match_keys() {
  return names_of<RuleMatch>(kMatchKeys);
}

}  // namespace airlock
