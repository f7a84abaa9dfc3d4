// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <vector>

namespace airlock {

// The entries of a folder of /proc or /sys. A folder that does not exist (any more) has none.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory);

}  // namespace airlock
