// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/policy/facts.h"

namespace airlock {

// Five bytes less than the kernel's limit: room for the number a second medium of the same name
// gets behind it.
inline constexpr std::size_t kMostFolderBytes = 250;

// Foreign text as the name of one folder: no slash, no control or invisible character, nothing
// that turns the direction of writing, only whole UTF-8, no dot or space in front, no space at
// the end, of bounded length. Empty if nothing is left.
std::string safe_folder_name(std::string_view text);

// How the folder of a medium is to be called: its label, else its UUID, else the image's name,
// else "disk".
std::string folder_name_for(const Facts& facts);

}  // namespace airlock
