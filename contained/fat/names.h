// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "contained/fat/code_page.h"
#include "contained/fat/slot.h"
#include "contained/runtime/outcome.h"

namespace airlock::fat {

// A requested name for a file, in the forms that the medium needs.
struct NewName {
  std::u16string units;
  ShortName short_name = {};   // final if `fits`, else the stem for a number
  std::uint8_t case_bits = 0;  // if `fits`
  bool fits = false;           // the short name is complete; no long name is needed
  bool lossy = false;          // the short name must get a number
};

enum class NameRules { kAny, kWindows };

// The units of a name. ENAMETOOLONG for too many; EINVAL for invalid UTF-8 and for characters and
// endings not allowed in a name, with kWindows also for the names of Windows devices.
Outcome<std::u16string> check_name(std::string_view name, NameRules rules);
Outcome<NewName> plan_name(std::string_view name, const CodePage& page, NameRules rules);

// A short name as it is shown; any byte that cannot be part of a path becomes '_'.
[[nodiscard]] std::u16string show_short_name(const ShortName& name, std::uint8_t case_bits,
                                             const CodePage& page);

// A short name that `taken` does not know, derived from the plan: first with ~1 to ~4, then with
// four digits from a hash of the whole name, so that many similar names do not need many attempts.
// ENOSPC if there is none.
Outcome<ShortName> unused_short_name(const NewName& name,
                                     const std::function<bool(const ShortName&)>& taken);

}  // namespace airlock::fat
