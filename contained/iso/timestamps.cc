// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/timestamps.h"

#include <array>
#include <chrono>

namespace airlock::iso {
namespace {

struct CivilTime {
  int year;
  unsigned month, day;
  int hour, minute, second, hundredths;
  std::byte zone;  // quarters of an hour ahead of UTC, signed
};

// Beyond these the standard allows none; Linux takes such a time for UTC too.
constexpr int kFarthestWest = -48, kFarthestEast = 52;

std::optional<timespec> since_epoch(const CivilTime& time) {
  using namespace std::chrono;
  const year_month_day date{year(time.year), month(time.month), day(time.day)};
  if (!date.ok() || time.hour > 23 || time.minute > 59 || time.second > 59) return std::nullopt;
  const int quarters = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(time.zone));
  const bool has_zone = quarters >= kFarthestWest && quarters <= kFarthestEast;
  const seconds passed = sys_days(date).time_since_epoch() + hours(time.hour) +
                         minutes(time.minute) + seconds(time.second) -
                         minutes(has_zone ? 15 * quarters : 0);
  return timespec{.tv_sec = static_cast<time_t>(passed.count()),
                  .tv_nsec = time.hundredths * 10'000'000L};
}

}  // namespace

std::optional<timespec> short_time(std::span<const std::byte> bytes) {
  if (bytes.size() < kShortTime) return std::nullopt;
  const auto at = [&](std::size_t i) { return std::to_integer<int>(bytes[i]); };
  return since_epoch({.year = 1900 + at(0),
                      .month = std::to_integer<unsigned>(bytes[1]),
                      .day = std::to_integer<unsigned>(bytes[2]),
                      .hour = at(3),
                      .minute = at(4),
                      .second = at(5),
                      .hundredths = 0,
                      .zone = bytes[6]});
}

std::optional<timespec> long_time(std::span<const std::byte> bytes) {
  if (bytes.size() < kLongTime) return std::nullopt;
  constexpr std::array<std::size_t, 7> kDigits = {4, 2, 2, 2, 2, 2, 2};
  std::array<int, kDigits.size()> numbers = {};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    for (const std::size_t end = at + kDigits[i]; at < end; ++at) {
      const int digit = std::to_integer<int>(bytes[at]) - '0';
      if (digit < 0 || digit > 9) return std::nullopt;
      numbers[i] = 10 * numbers[i] + digit;
    }
  }
  return since_epoch({.year = numbers[0],
                      .month = static_cast<unsigned>(numbers[1]),
                      .day = static_cast<unsigned>(numbers[2]),
                      .hour = numbers[3],
                      .minute = numbers[4],
                      .second = numbers[5],
                      .hundredths = numbers[6],
                      .zone = bytes[at]});
}

}  // namespace airlock::iso
