// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace airlock {

// Names on optical media are UTF-16 with the high bytes first. Character by character; half a
// character is U+FFFD, and half a unit at the end is nothing.
class WideText {
 public:
  explicit WideText(std::span<const std::byte> units) : rest_(units) {}
  std::optional<char32_t> next();

 private:
  std::optional<char32_t> take_unit();
  std::span<const std::byte> rest_;
};

void append_as_utf8(std::string& text, char32_t character);

}  // namespace airlock
