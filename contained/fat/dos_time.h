// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <ctime>

namespace airlock::fat {

// A moment as directories keep it: local time, years 1980 to 2107.
struct DosTime {
  std::uint16_t date = 0;
  std::uint16_t time = 0;       // in steps of 2 s
  std::uint8_t hundredths = 0;  // 0 to 199, of the 2 s; only where a file was made
  friend bool operator==(const DosTime&, const DosTime&) = default;
};

// What local time on the medium is ahead of UTC, in seconds.
using ZoneOffset = std::int32_t;

// A moment outside of what fits becomes the nearest that does; a date that is none, 1980.
[[nodiscard]] DosTime to_dos_time(const timespec& time, ZoneOffset zone);
[[nodiscard]] timespec from_dos_time(const DosTime& time, ZoneOffset zone);

// The same, and in the upper bit whether the rest says how far its clock was ahead of UTC. Only
// exFAT says so.
struct ZonedTime {
  DosTime time;
  std::uint8_t zone = 0;
};
[[nodiscard]] ZonedTime to_zoned_time(const timespec& time, ZoneOffset zone);
// `zone` is for a moment that says nothing about its own.
[[nodiscard]] timespec from_zoned_time(const ZonedTime& time, ZoneOffset zone);

}  // namespace airlock::fat
