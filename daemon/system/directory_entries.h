// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <vector>

namespace airlock {

// What a folder of /proc or /sys lists. One that is not there (any more) has no entries.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory);

}  // namespace airlock
