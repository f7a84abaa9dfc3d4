// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <ctime>

namespace airlock::fat {

// A moment as directories keep it: local time, years 1980 to 2107.
struct DosTime {
  std::uint16_t date = 0;
  std::uint16_t time = 0;       // in steps of 2 s
  std::uint8_t hundredths = 0;  // 0 to 199, of the 2 s; only for creation times
  friend bool operator==(const DosTime&, const DosTime&) = default;
};

// How far local time on the medium is ahead of UTC, in seconds.
using ZoneOffset = std::int32_t;

// A time out of range becomes the nearest valid one; an invalid date becomes 1980.
[[nodiscard]] DosTime to_dos_time(const timespec& time, ZoneOffset zone);
[[nodiscard]] timespec from_dos_time(const DosTime& time, ZoneOffset zone);

// The same with its offset from UTC; the upper bit of `zone` says whether the rest is valid. Only
// exFAT has this.
struct ZonedTime {
  DosTime time;
  std::uint8_t zone = 0;
};
[[nodiscard]] ZonedTime to_zoned_time(const timespec& time, ZoneOffset zone);
// `zone` applies if the time has none of its own.
[[nodiscard]] timespec from_zoned_time(const ZonedTime& time, ZoneOffset zone);

}  // namespace airlock::fat
