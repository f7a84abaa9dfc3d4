// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace airlock::fat {

// Names as on the medium (UTF-16) and as in programs (UTF-8). Nothing if the input is invalid:
// overlong or cut-off sequences, lone surrogates.
[[nodiscard]] std::optional<std::u16string> to_utf16(std::string_view text);
[[nodiscard]] std::optional<std::string> to_utf8(std::u16string_view text);

// The form for comparisons that ignore case.
[[nodiscard]] char16_t fold(char16_t unit);
[[nodiscard]] std::u16string fold(std::u16string_view text);

}  // namespace airlock::fat
