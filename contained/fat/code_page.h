// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace airlock::fat {

// The meaning of the upper half of the bytes of short names. The lower half is ASCII.
class CodePage {
 public:
  // nullptr for a page without a table here.
  static const CodePage* find(unsigned number);
  static const CodePage& standard();  // 437

  constexpr CodePage(unsigned number, const std::array<char16_t, 128>& upper)
      : number_(number), upper_(upper) {}

  [[nodiscard]] char16_t decode(std::uint8_t byte) const {
    return byte < 0x80 ? char16_t{byte} : upper_[byte - 0x80];
  }
  [[nodiscard]] std::optional<std::uint8_t> encode(char16_t unit) const;

 private:
  unsigned number_;
  std::array<char16_t, 128> upper_;
};

}  // namespace airlock::fat
