// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace airlock {

// Foreign text as the bus takes it: a single string that is not valid UTF-8, has a NUL in it or a
// code point that is no character would fail the whole message, or cost us the connection. Each
// offending byte becomes U+FFFD; everything else stays, control characters too.
std::string bus_text(std::string_view text);

// Where the objects live. An id may hold anything: what is not a letter or digit is written _xx,
// its byte in hexadecimal, so that different ids never share a path.
inline constexpr std::string_view kManagerPath = "/org/airlock1";
std::string volume_path(std::string_view id);
std::string job_path(std::string_view id);

}  // namespace airlock
