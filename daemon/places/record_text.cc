// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/record_text.h"

#include <concepts>
#include <limits>
#include <optional>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::string_view kFirstLine = "airlock-mount-record 1\n";
constexpr std::string_view kLastLine = "end\n";
constexpr std::size_t kMostStringBytes = 4096;
constexpr std::size_t kMostTextBytes = 200;
constexpr std::string_view kHexDigits = "0123456789abcdef";

// The fields in file order, for writing and for reading.
template <typename Record, typename Visitor>
void each_field(Record& record, Visitor&& visit) {
  visit("volume", record.volume_id);
  visit("source", record.source.path);
  visit("device", record.source.device);
  visit("sequence", record.source.disk_sequence);
  each_fact(record.mount, visit);
  visit("user", record.user);
  visit("user-name", record.user_name);
  visit("decided-by", record.decided_by);
  visit("leaving", record.leaving);
}

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '\\';
}

std::string hex_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {kHexDigits[byte >> 4], kHexDigits[byte & 0xf]};
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text.substr(0, kMostStringBytes)) {
    if (is_plain(c)) escaped += c;
    if (c == '\\') escaped += "\\\\";
    if (c == '\n') escaped += "\\n";
    if (!is_plain(c) && c != '\\' && c != '\n') escaped += "\\x" + hex_byte(c);
  }
  return escaped;
}

// Takes one escape, without its backslash; false if the writer would not have written it.
bool take_escape(std::string_view& text, std::string& plain) {
  const char kind = text.empty() ? '\0' : text.front();
  if (kind == '\\' || kind == 'n') {
    plain += kind == 'n' ? '\n' : '\\';
    text.remove_prefix(1);
    return true;
  }
  if (kind != 'x' || text.size() < 3) return false;
  const std::size_t high = kHexDigits.find(text[1]);
  const std::size_t low = kHexDigits.find(text[2]);
  if (high == std::string_view::npos || low == std::string_view::npos) return false;
  const char c = static_cast<char>(high << 4 | low);
  if (is_plain(c) || c == '\\' || c == '\n') return false;
  plain += c;
  text.remove_prefix(3);
  return true;
}

bool parse(std::string_view text, std::string& plain) {
  plain.clear();
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (is_plain(c)) {
      plain += c;
    } else if (c != '\\' || !take_escape(text, plain)) {
      return false;
    }
  }
  return plain.size() <= kMostStringBytes;
}

bool parse(std::string_view text, bool& value) {
  value = text == "yes";
  return value || text == "no";
}

// Only the writer's form: no sign, no leading zero.
template <std::integral Number>
  requires(!std::same_as<Number, bool>)
bool parse(std::string_view text, Number& number) {
  const auto parsed = parse_number<Number>(text);
  number = parsed.value_or(0);
  return parsed && fmt::format("{}", number) == text;
}

using Clock = std::chrono::system_clock;

bool parse(std::string_view text, Clock::time_point& time) {
  std::int64_t microseconds = 0;
  // Within the range of the clock's own, finer unit.
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000;
  if (!parse(text, microseconds) || microseconds < 0 || microseconds > kMost) return false;
  time = Clock::time_point(std::chrono::microseconds(microseconds));
  return true;
}

std::string print(const std::string& text) {
  return escape(text);
}
std::string print(bool value) {
  return value ? "yes" : "no";
}
template <std::integral Number>
  requires(!std::same_as<Number, bool>)
std::string print(Number number) {
  return fmt::format("{}", number);
}
std::string print(Clock::time_point time) {
  const auto since = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch());
  return fmt::format("{}", since.count());
}

// Removes "key=value\n"; nothing if the next line has another key.
std::optional<std::string_view> take_value(std::string_view& text, std::string_view key) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(key) || text[key.size()] != '=')
    return std::nullopt;
  const std::string_view value = text.substr(key.size() + 1, end - key.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

bool makes_sense(const MountRecord& record) {
  return !record.volume_id.empty() && record.mount.mount_point.starts_with('/') &&
         record.mount.mount_id > 0 && !record.mount.subtype.empty() && record.mount.driver_pid >= 0;
}

}  // namespace

std::string write_record(const MountRecord& record) {
  std::string text(kFirstLine);
  each_field(record, [&](std::string_view key, const auto& value) {
    text += fmt::format("{}={}\n", key, print(value));
  });
  text += kLastLine;
  return text;
}

Result<MountRecord> read_record(std::string_view text) {
  if (text.size() > kMostRecordBytes)
    return fail(Errc::kLimitExceeded, "a record of {} bytes", text.size());
  if (!text.starts_with(kFirstLine))
    return fail(Errc::kInvalidArgument, "not a record of this version");
  text.remove_prefix(kFirstLine.size());
  MountRecord record;
  std::string_view wrong;
  each_field(record, [&](std::string_view key, auto& value) {
    if (!wrong.empty()) return;
    const auto line = take_value(text, key);
    if (!line || !parse(*line, value)) wrong = key;
  });
  if (!wrong.empty()) return fail(Errc::kInvalidArgument, "field {} is missing or wrong", wrong);
  if (text != kLastLine) return fail(Errc::kInvalidArgument, "no proper end");
  if (!makes_sense(record)) return fail(Errc::kInvalidArgument, "the fields are invalid");
  return record;
}

Result<std::string> record_file_name(std::string_view volume_id) {
  std::string name;
  for (const char c : volume_id) {
    const bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    name += stays ? std::string(1, c) : "%" + hex_byte(c);
  }
  if (name.empty() || name.size() > kMostTextBytes)
    return fail(Errc::kInvalidArgument, "{} can't be the name of a volume", quote(volume_id));
  return name;
}

}  // namespace airlock
