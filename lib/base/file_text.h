// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace airlock {

// What a file says, as far as it can be read: nothing where there is none, its beginning where
// reading fails, as it does in /proc when the process ends meanwhile. Never throws for that, which
// the buffer of an ifstream does.
std::string file_text(const std::string& path);

}  // namespace airlock
