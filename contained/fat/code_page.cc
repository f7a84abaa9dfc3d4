// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/code_page.h"

#include <algorithm>

namespace airlock::fat {
namespace {

constexpr char16_t kNoCharacter = 0xfffd;

}  // namespace

const CodePage* CodePage::find(unsigned number) {
  static constexpr auto kPages = std::to_array<CodePage>({
#define AIRLOCK_CODE_PAGE(page, ...) CodePage(page, std::array<char16_t, 128> __VA_ARGS__),
#include "contained/fat/name_tables.inc"
#undef AIRLOCK_CODE_PAGE
  });
  const auto* found = std::ranges::find_if(
      kPages, [number](const CodePage& page) { return page.number_ == number; });
  return found == kPages.end() ? nullptr : found;
}

const CodePage& CodePage::standard() {
  return *find(437);
}

std::optional<std::uint8_t> CodePage::encode(char16_t unit) const {
  if (unit < 0x80) return static_cast<std::uint8_t>(unit);
  if (unit == kNoCharacter) return std::nullopt;
  const auto* found = std::ranges::find(upper_, unit);
  if (found == upper_.end()) return std::nullopt;
  return static_cast<std::uint8_t>(0x80 + (found - upper_.begin()));
}

}  // namespace airlock::fat
