// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/foreign_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr int kMostZoneMinutes = 24 * 60;
constexpr unsigned kMostCodePage = 65535;

Result<mode_t> parse_mask(std::string_view name, std::string_view text) {
  if (const auto mask = parse_number<mode_t>(text, 0, 0777, 8)) return *mask;
  return fail(Errc::kInvalidArgument, "option {} wants an octal mask up to 777, not {}", name,
              quote(text));
}

template <typename Value>
bool fill(std::optional<Value>& open, const std::optional<Value>& wish) {
  if (!wish) return true;
  if (!open) open = wish;
  return open == wish;
}

}  // namespace

bool ForeignOptions::fill_from(const ForeignOptions& wishes) {
  windows_names = windows_names || wishes.windows_names;
  return fill(file_mask, wishes.file_mask) && fill(directory_mask, wishes.directory_mask) &&
         fill(zone_minutes, wishes.zone_minutes) && fill(code_page, wishes.code_page);
}

std::vector<std::string> ForeignOptions::words() const {
  std::vector<std::string> words;
  if (file_mask) words.push_back(fmt::format("fmask={:o}", *file_mask));
  if (directory_mask) words.push_back(fmt::format("dmask={:o}", *directory_mask));
  if (zone_minutes) words.push_back(fmt::format("time_offset={}", *zone_minutes));
  if (code_page) words.push_back(fmt::format("codepage={}", *code_page));
  if (windows_names) words.emplace_back("windows_names");
  return words;
}

Result<bool> apply_foreign_option(std::string_view option, ForeignOptions& options) {
  const std::size_t equals = std::min(option.find('='), option.size());
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = option.substr(std::min(equals + 1, option.size()));
  if (option == "windows_names") {
    options.windows_names = true;
  } else if (option == "tz=UTC") {
    options.zone_minutes = 0;
  } else if (name == "umask") {
    TRY(options.file_mask, parse_mask(name, value));
    options.directory_mask = options.file_mask;
  } else if (name == "fmask") {
    TRY(options.file_mask, parse_mask(name, value));
  } else if (name == "dmask") {
    TRY(options.directory_mask, parse_mask(name, value));
  } else if (name == "time_offset") {
    options.zone_minutes = parse_number<int>(value, -kMostZoneMinutes, kMostZoneMinutes, 10);
    if (!options.zone_minutes)
      return fail(Errc::kInvalidArgument,
                  "option time_offset wants minutes, at most a day of them, not {}", quote(value));
  } else if (name == "codepage") {
    options.code_page = parse_number<unsigned>(value, 1, kMostCodePage, 10);
    if (!options.code_page)
      return fail(Errc::kInvalidArgument, "option codepage wants a number, not {}", quote(value));
  } else {
    return false;
  }
  return true;
}

}  // namespace airlock
