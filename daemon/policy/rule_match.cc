// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/rule_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "lib/base/text.h"

namespace airlock {
namespace {

std::size_t character_length(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    ++length;
  return length;
}

// Matches one character of the pattern that is not `*`, and removes it from both.
bool match_one(std::string_view& text, std::string_view& pattern) {
  if (text.empty() || pattern.empty()) return false;
  if (pattern.front() == '?') {
    text.remove_prefix(character_length(text));
    pattern.remove_prefix(1);
    return true;
  }
  const bool escaped = pattern.front() == '\\' && pattern.size() > 1;
  if (text.front() != pattern[escaped ? 1 : 0]) return false;
  text.remove_prefix(1);
  pattern.remove_prefix(escaped ? 2 : 1);
  return true;
}

// Hardware pads its names with spaces.
std::string trimmed(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(first);
  return std::string(text.substr(0, text.find_last_not_of(' ') + 1));
}

struct DeviceText {
  std::string_view key;
  std::string Device::* member;
};
constexpr auto kDeviceTexts = std::to_array<DeviceText>({
    {"vendor", &Device::vendor},
    {"model", &Device::model},
    {"serial", &Device::serial},
    {"bus", &Device::bus},
    {"port", &Device::port},
    {"backing-file", &Device::backing_file},
});
struct ProbeText {
  std::string_view key;
  std::string ProbeRecord::* member;
};
constexpr auto kProbeTexts = std::to_array<ProbeText>({
    {"type", &ProbeRecord::type},
    {"label", &ProbeRecord::label},
    {"uuid", &ProbeRecord::uuid},
});

// A text that a device lacks is unknown, while a medium without a label is known to have none.
std::optional<std::string> text_of_device(const Device& device, const DeviceText& row) {
  std::string text = trimmed(device.*(row.member));
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<std::string> known_text(const Facts& facts, std::string_view key) {
  for (const DeviceText& row : kDeviceTexts)
    if (row.key == key && facts.device) return text_of_device(*facts.device, row);
  for (const ProbeText& row : kProbeTexts)
    if (row.key == key && facts.probe) return (*facts.probe).*(row.member);
  return std::nullopt;
}

std::optional<std::string> why_no_text(const RuleMatch::Text& wanted, const Facts& facts) {
  const auto known = known_text(facts, wanted.key);
  if (!known) return fmt::format("its {} is not known", wanted.key);
  const bool matches = std::ranges::any_of(wanted.patterns, [&](const std::string& pattern) {
    return matches_pattern(*known, pattern);
  });
  if (matches) return std::nullopt;
  return fmt::format("its {} is {}", wanted.key, quote(*known));
}

std::optional<std::uint64_t> known_size(const Facts& facts) {
  if (facts.device) return facts.device->size;
  if (facts.probe && facts.probe->filesystem_size > 0) return facts.probe->filesystem_size;
  return std::nullopt;
}

std::optional<std::string> why_no_size(const RuleMatch& match, const Facts& facts) {
  if (!match.min_size && !match.max_size) return std::nullopt;
  const auto size = known_size(facts);
  if (!size) return "its size is not known";
  if (match.min_size && *size < *match.min_size)
    return fmt::format("it has {} bytes, less than {}", *size, *match.min_size);
  if (match.max_size && *size > *match.max_size)
    return fmt::format("it has {} bytes, more than {}", *size, *match.max_size);
  return std::nullopt;
}

std::optional<std::string> why_not_removable(const RuleMatch& match, const Facts& facts) {
  if (!match.removable) return std::nullopt;
  if (!facts.device) return "it is an image";
  if (facts.device->removable == *match.removable) return std::nullopt;
  return facts.device->removable ? "it is removable" : "it is not removable";
}

}  // namespace

bool matches_pattern(std::string_view text, std::string_view pattern) {
  // Only the last star needs to be remembered: earlier ones have matched by then.
  std::optional<std::pair<std::string_view, std::string_view>> after_star;
  while (!text.empty() || !pattern.empty()) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      after_star = {text, pattern};
      continue;
    }
    if (match_one(text, pattern)) continue;
    if (!after_star || after_star->first.empty()) return false;
    after_star->first.remove_prefix(1);
    std::tie(text, pattern) = *after_star;
  }
  return true;
}

std::optional<std::string> why_no_match(const RuleMatch& match, const Facts& facts) {
  if (!match.kinds.empty() && std::ranges::find(match.kinds, kind_of(facts)) == match.kinds.end())
    return fmt::format("its kind is \"{}\"", kind_of(facts));
  for (const RuleMatch::Text& text : match.texts)
    if (auto why = why_no_text(text, facts)) return why;
  if (auto why = why_not_removable(match, facts)) return why;
  return why_no_size(match, facts);
}

std::string_view kind_of(const Facts& facts) {
  return facts.device ? to_word(facts.device->kind) : "image";
}

}  // namespace airlock
