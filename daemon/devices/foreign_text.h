// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace airlock {

// Words the hardware says of itself, brought to a form that can go anywhere: valid UTF-8 without
// control characters, no blanks at the ends, never longer than `most_bytes`. What can't be shown
// becomes U+FFFD. It is still foreign text: anybody can call a stick anything.
std::string clean_text(std::string_view text, std::size_t most_bytes);

// Undoes the \x20 escapes of udev's *_ENC properties; other backslashes stay.
std::string decode_udev(std::string_view text);

// A word for machines ("usb", "seat0", "pci-0000:00:14.0-usb-0:1"): letters, digits and -_.:+ only;
// empty if it is anything else or longer.
std::string plain_token(std::string_view text, std::size_t most_bytes);

// A decimal number without sign, as sysfs writes them; one newline may follow.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

}  // namespace airlock
