// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace airlock {

// Cleans text that the hardware reports about itself, so that it can go anywhere: valid UTF-8
// without control characters or blanks at the ends, never longer than `most_bytes`. Characters that
// can't be shown become U+FFFD. It is still foreign text: a stick can have any name.
std::string clean_text(std::string_view text, std::size_t most_bytes);

// Decodes the \x20 escapes of udev's *_ENC properties; other backslashes stay.
std::string decode_udev(std::string_view text);

// A word for machines ("usb", "seat0", "pci-0000:00:14.0-usb-0:1"): only letters, digits and -_.:+;
// empty if it contains anything else or is longer.
std::string plain_token(std::string_view text, std::size_t most_bytes);

// A decimal number without sign, as in sysfs; one newline may follow.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace airlock
