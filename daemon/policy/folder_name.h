// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/policy/facts.h"

namespace airlock {

// Five bytes below the kernel's limit: room for the number that is appended for a second medium
// with the same name.
inline constexpr std::size_t kMostFolderBytes = 250;

// Turns foreign text into the name of one folder: no slash, no control or invisible character,
// nothing that changes the direction of writing, only complete UTF-8, no leading dot or space, no
// trailing space, of bounded length. Empty if nothing is left.
std::string safe_folder_name(std::string_view text);

// The name for the folder of a medium: its label, else its UUID, else the image's name, else
// "disk".
std::string folder_name_for(const Facts& facts);

}  // namespace airlock
