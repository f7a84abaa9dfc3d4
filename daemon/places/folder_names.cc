// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/folder_names.h"

#include <dirent.h>
#include <fcntl.h>

#include <string_view>

#include "lib/base/c_ptr.h"

namespace airlock {

std::vector<std::string> names_in(BorrowedFd folder) {
  std::vector<std::string> names;
  const int own = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const CPtr<DIR, ::closedir> stream(own < 0 ? nullptr : ::fdopendir(own));
  if (!stream) return names;
  for (const dirent* entry = ::readdir(stream.get()); entry != nullptr;
       entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

}  // namespace airlock
