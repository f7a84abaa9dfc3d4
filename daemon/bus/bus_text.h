// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace airlock {

// Foreign text in a form that the bus accepts: a single string that is not valid UTF-8, or contains
// a NUL or a noncharacter, would make the whole message fail, or cost us the connection. Each
// offending byte becomes U+FFFD; everything else stays, even control characters.
std::string bus_text(std::string_view text);

// The paths of objects. An id may contain anything: a byte that is not a letter or digit is written
// as _xx in hexadecimal, so that different ids never share a path.
inline constexpr std::string_view kManagerPath = "/org/airlock1";
std::string volume_path(std::string_view id);
std::string job_path(std::string_view id);

}  // namespace airlock
