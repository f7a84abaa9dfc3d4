// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/timestamps.h"

#include <chrono>
#include <cstdint>

#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kBytes = 12;
constexpr int kLocalTime = 1;
constexpr int kFarthest = 1440;  // minutes from UTC; beyond is "not said"

// The lower twelve bits, signed.
int minutes_from_utc(std::uint16_t type_and_zone) {
  const int zone = type_and_zone & 0xfff;
  return zone >= 0x800 ? zone - 0x1000 : zone;
}

}  // namespace

std::optional<timespec> time_of(std::span<const std::byte> bytes) {
  using namespace std::chrono;
  if (bytes.size() < kBytes) return std::nullopt;
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  const auto type_and_zone = load_le<std::uint16_t>(bytes, 0).value_or(0);
  const auto recorded_year =
      static_cast<std::int16_t>(load_le<std::uint16_t>(bytes, 2).value_or(0));
  const year_month_day date{year(recorded_year), month(at(4)), day(at(5))};
  if (!date.ok() || at(6) > 23 || at(7) > 59 || at(8) > 59) return std::nullopt;
  const int zone = minutes_from_utc(type_and_zone);
  const bool has_zone =
      type_and_zone >> 12 == kLocalTime && zone >= -kFarthest && zone <= kFarthest;
  const seconds passed = sys_days(date).time_since_epoch() + hours(at(6)) + minutes(at(7)) +
                         seconds(at(8)) - minutes(has_zone ? zone : 0);
  // Three bytes, each of which may have up to 99.
  const bool has_fraction = at(9) < 100 && at(10) < 100 && at(11) < 100;
  const long microseconds =
      has_fraction ? at(9) * 10'000L + at(10) * 100L + static_cast<long>(at(11)) : 0;
  return timespec{.tv_sec = static_cast<time_t>(passed.count()), .tv_nsec = microseconds * 1000};
}

}  // namespace airlock::udf
