// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/dos_time.h"

#include <algorithm>
#include <chrono>

namespace airlock::fat {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int kFirstYear = 1980;
constexpr int kLastYear = 2107;
constexpr std::int64_t kDaySeconds = 86400;
constexpr ZoneOffset kZoneStep = 15 * 60;
constexpr std::uint8_t kZoneKnown = 0x80;
constexpr ZoneOffset kMostZone = 63;

constexpr std::int64_t start_of_year(int year) {
  return sys_days(std::chrono::year(year) / 1 / 1).time_since_epoch().count() * kDaySeconds;
}
constexpr std::int64_t kEarliest = start_of_year(kFirstYear);
constexpr std::int64_t kLatest = start_of_year(kLastYear + 1) - 1;

}  // namespace

DosTime to_dos_time(const timespec& time, ZoneOffset zone) {
  const std::int64_t wanted = std::clamp<std::int64_t>(time.tv_sec, kEarliest - kDaySeconds * 2,
                                                       kLatest + kDaySeconds * 2) +
                              zone;
  const std::int64_t local = std::clamp(wanted, kEarliest, kLatest);
  const auto nanoseconds = local == wanted ? time.tv_nsec : 0;
  const year_month_day date(sys_days(days(local / kDaySeconds)));
  const auto second = static_cast<unsigned>(local % kDaySeconds);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()) - kFirstYear);
  return {.date = static_cast<std::uint16_t>(year << 9 | static_cast<unsigned>(date.month()) << 5 |
                                             static_cast<unsigned>(date.day())),
          .time = static_cast<std::uint16_t>(second / 3600 << 11 | second / 60 % 60 << 5 |
                                             second % 60 / 2),
          .hundredths = static_cast<std::uint8_t>(second % 2 * 100 +
                                                  static_cast<unsigned>(nanoseconds / 10'000'000))};
}

timespec from_dos_time(const DosTime& time, ZoneOffset zone) {
  const year_month_day date(std::chrono::year(kFirstYear + (time.date >> 9)),
                            std::chrono::month(time.date >> 5 & 15u),
                            std::chrono::day(time.date & 31u));
  if (!date.ok()) return {.tv_sec = kEarliest - zone, .tv_nsec = 0};
  const unsigned hour = std::min(time.time >> 11, 23);
  const unsigned minute = std::min(time.time >> 5 & 63, 59);
  const unsigned second = std::min((time.time & 31) * 2, 59);
  const unsigned hundredths = std::min<unsigned>(time.hundredths, 199);
  return {.tv_sec = sys_days(date).time_since_epoch().count() * kDaySeconds + hour * 3600 +
                    minute * 60 + second + hundredths / 100 - zone,
          .tv_nsec = static_cast<long>(hundredths % 100) * 10'000'000};
}

ZonedTime to_zoned_time(const timespec& time, ZoneOffset zone) {
  const ZoneOffset steps = zone / kZoneStep;
  // A zone the field cannot express becomes UTC.
  const bool fits = zone % kZoneStep == 0 && steps >= -kMostZone && steps <= kMostZone;
  return {.time = to_dos_time(time, fits ? zone : 0),
          .zone = static_cast<std::uint8_t>(kZoneKnown | (fits ? steps & 0x7f : 0))};
}

timespec from_zoned_time(const ZonedTime& time, ZoneOffset zone) {
  if ((time.zone & kZoneKnown) == 0) return from_dos_time(time.time, zone);
  const int steps = (time.zone & 0x40) != 0 ? (time.zone & 0x7f) - 0x80 : time.zone & 0x7f;
  return from_dos_time(time.time, steps * kZoneStep);
}

}  // namespace airlock::fat
