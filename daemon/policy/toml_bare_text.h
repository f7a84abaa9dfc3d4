// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "lib/base/error.h"

namespace airlock {

// Refuses text that is not TOML and that our TOML library, at least up to version 3.3, fails on
// without being able to say where: letters beyond ASCII outside of quotes and comments, a table
// without a name, unbalanced brackets. Knows just enough of TOML to tell what is quoted and what is
// a value, and leaves all other errors to the library.
Result<void> check_bare_text(std::string_view text, std::string_view file);

}  // namespace airlock
