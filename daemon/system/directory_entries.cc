// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/directory_entries.h"

#include <system_error>

namespace airlock {

std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> entries;
  std::error_code ignored;
  for (std::filesystem::directory_iterator it(directory, ignored), end; !ignored && it != end;
       it.increment(ignored))
    entries.push_back(it->path());
  return entries;
}

}  // namespace airlock
