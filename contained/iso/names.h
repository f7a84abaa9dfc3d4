// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace airlock::iso {

// The name in a record as Linux shows it to programs: small letters, and no version if
// it is the first.
std::string plain_name(std::string_view recorded);
// UTF-16, high bytes first, as UTF-8. Half a character becomes U+FFFD.
std::string joliet_name(std::string_view recorded);

}  // namespace airlock::iso
