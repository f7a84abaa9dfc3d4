// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "lib/base/error.h"

namespace airlock {

// Refuses what is no TOML and what our TOML library, up to version 3.3 at least, trips over
// without being able to say where: letters beyond ASCII outside of quotes and comments, a table
// without a name, brackets that do not fit. Knows just enough of TOML to tell what is quoted and
// what is a value; everything else that is wrong is left to the library.
Result<void> check_bare_text(std::string_view text, std::string_view file);

}  // namespace airlock
