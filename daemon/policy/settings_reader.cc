// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/settings_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>

#include "daemon/policy/option_words.h"
#include "lib/base/nearest.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// `"on", "off" or "ask"`
std::string alternatives(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += quote(words[i]);
  }
  return text;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte < 0x20 || byte == 0x7f;
  });
}

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::uint64_t kThousand = 1000;
constexpr auto kSizeUnits = std::to_array<SizeUnit>({
    {"B", 1},
    {"kB", kThousand},
    {"MB", kThousand* kThousand},
    {"GB", kThousand* kThousand* kThousand},
    {"TB", kThousand* kThousand* kThousand* kThousand},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
});

}  // namespace

Origin SettingsReader::origin(TomlPlace place) const {
  return {.file = std::string(file_), .line = place.line, .rule = {}};
}

std::unexpected<Error> SettingsReader::wrong(TomlPlace place, std::string_view what) const {
  return fail(Errc::kInvalidArgument, "{}:{}:{}: {}", file_, place.line, place.column, what);
}

Result<bool> SettingsReader::truth(const TomlEntry& entry) const {
  if (const bool* value = std::get_if<bool>(&entry.value.value)) return *value;
  return wrong(entry.value.place,
               fmt::format("{} is true or false, not {}", entry.key, entry.value.kind()));
}

Result<std::int64_t> SettingsReader::number(const TomlEntry& entry, std::int64_t least,
                                            std::int64_t most, std::string_view unit) const {
  const std::string wanted = fmt::format("{} is {} from {} to {}", entry.key, unit, least, most);
  const auto* value = std::get_if<std::int64_t>(&entry.value.value);
  if (value == nullptr)
    return wrong(entry.value.place, fmt::format("{}, not {}", wanted, entry.value.kind()));
  if (*value < least || *value > most)
    return wrong(entry.value.place, fmt::format("{}, not {}", wanted, *value));
  return *value;
}

Result<std::string> SettingsReader::text(std::string_view key, const TomlValue& value) const {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr)
    return wrong(value.place, fmt::format("{} is a string, not {}", key, value.kind()));
  if (text->empty()) return wrong(value.place, fmt::format("{} must not be empty", key));
  if (text->size() > kMostTextBytes)
    return wrong(value.place, fmt::format("{} is longer than {} bytes", key, kMostTextBytes));
  if (has_control(*text))
    return wrong(value.place,
                 fmt::format("{} must not hold control characters: {}", key, quote(*text)));
  return *text;
}

Result<std::vector<std::string>> SettingsReader::texts(const TomlEntry& entry,
                                                       ListForm form) const {
  std::vector<std::string> list;
  if (form == ListForm::kAlsoOne && std::holds_alternative<std::string>(entry.value.value)) {
    TRY(std::string only, text(entry.key, entry.value));
    list.push_back(std::move(only));
    return list;
  }
  const auto* items = std::get_if<TomlValue::Array>(&entry.value.value);
  if (items == nullptr)
    return wrong(entry.value.place,
                 fmt::format("{} is {}a list of strings, not {}", entry.key,
                             form == ListForm::kAlsoOne ? "a string or " : "", entry.value.kind()));
  if (items->size() > kMostListItems)
    return wrong(entry.value.place,
                 fmt::format("{} has more than {} items", entry.key, kMostListItems));
  for (const TomlValue& item : *items) {
    TRY(std::string one, text(fmt::format("an item of {}", entry.key), item));
    list.push_back(std::move(one));
  }
  return list;
}

Result<const TomlValue::Table*> SettingsReader::table(const TomlEntry& entry) const {
  if (const auto* table = std::get_if<TomlValue::Table>(&entry.value.value)) return table;
  return wrong(entry.value.place,
               fmt::format("{} is a table of settings, not {}", entry.key, entry.value.kind()));
}

Result<Automount> SettingsReader::automount(const TomlEntry& entry) const {
  constexpr auto kWords = std::to_array<std::string_view>({"on", "off", "ask"});
  TRY(const std::string word, text(entry.key, entry.value));
  TRY_VOID(one_of(entry.value.place, entry.key, word, kWords));
  return word == "on" ? Automount::kOn : word == "off" ? Automount::kOff : Automount::kAsk;
}

Result<FileOwner> SettingsReader::owner(const TomlEntry& entry) const {
  constexpr auto kWords = std::to_array<std::string_view>({"user", "media"});
  TRY(const std::string word, text(entry.key, entry.value));
  TRY_VOID(one_of(entry.value.place, entry.key, word, kWords));
  return word == "user" ? FileOwner::kUser : FileOwner::kMedia;
}

Result<Heal> SettingsReader::heal(const TomlEntry& entry) const {
  constexpr auto kWords = std::to_array<std::string_view>({"on", "off"});
  TRY(const std::string word, text(entry.key, entry.value));
  TRY_VOID(one_of(entry.value.place, entry.key, word, kWords));
  return word == "on" ? Heal::kOn : Heal::kOff;
}

Result<CheckWhen> SettingsReader::check(const TomlEntry& entry) const {
  constexpr auto kWords = std::to_array<std::string_view>({"never", "when-dirty", "always"});
  TRY(const std::string word, text(entry.key, entry.value));
  TRY_VOID(one_of(entry.value.place, entry.key, word, kWords));
  return word == "never"        ? CheckWhen::kNever
         : word == "when-dirty" ? CheckWhen::kWhenDirty
                                : CheckWhen::kAlways;
}

Result<Uncontained> SettingsReader::uncontained(const TomlEntry& entry) const {
  constexpr auto kWords = std::to_array<std::string_view>({"refuse", "warn", "allow"});
  TRY(const std::string word, text(entry.key, entry.value));
  TRY_VOID(one_of(entry.value.place, entry.key, word, kWords));
  return word == "refuse" ? Uncontained::kRefuse
         : word == "warn" ? Uncontained::kWarn
                          : Uncontained::kAllow;
}

Result<std::vector<std::string>> SettingsReader::options(const TomlEntry& entry) const {
  TRY(std::vector<std::string> words, texts(entry, ListForm::kListOnly));
  for (const std::string& word : words)
    if (const std::string problem = problem_in_settings(word); !problem.empty())
      return wrong(entry.value.place, problem);
  return words;
}

Result<void> SettingsReader::driver(TomlPlace place, std::string_view name) const {
  std::vector<std::string_view> names;
  for (const DriverRow& row : drivers_) names.push_back(row.name);
  return one_of(place, "a driver", name, names);
}

Result<void> SettingsReader::one_of(TomlPlace place, std::string_view key, std::string_view word,
                                    std::span<const std::string_view> words) const {
  if (std::ranges::find(words, word) != words.end()) return {};
  return wrong(place, fmt::format("{} is {}, not {}", key, alternatives(words), quote(word)));
}

std::unexpected<Error> SettingsReader::unknown_key(const TomlEntry& entry, std::string_view prefix,
                                                   std::span<const std::string_view> known) const {
  std::string key = quote(entry.key);
  if (key == "\"" + entry.key + "\"") key = fmt::format("\"{}{}\"", prefix, entry.key);
  const std::string_view meant = nearest(entry.key, known);
  if (!meant.empty())
    return wrong(entry.place,
                 fmt::format("there is no setting {}; did you mean \"{}{}\"?", key, prefix, meant));
  return wrong(entry.place,
               fmt::format("there is no setting {}; there are {}", key, fmt::join(known, ", ")));
}

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  std::uint64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{}) return std::nullopt;
  std::string_view unit(rest, end);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto* row = std::ranges::find(kSizeUnits, unit, &SizeUnit::name);
  std::uint64_t bytes = 0;
  if (row == kSizeUnits.end() || __builtin_mul_overflow(count, row->bytes, &bytes))
    return std::nullopt;
  return bytes;
}

}  // namespace airlock
