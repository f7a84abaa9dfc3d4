// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/process_title.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

namespace airlock {
namespace {

// The strings follow one another as the kernel laid them down. Whatever was put elsewhere since
// ends the room.
char* end_of_strings(char** strings, char* end) {
  for (; strings != nullptr && *strings == end; ++strings) end += std::strlen(end) + 1;
  return end;
}

}  // namespace

void set_process_title(char** argv, std::string_view title) {
  if (argv[0] == nullptr) return;
  char* end = end_of_strings(argv, argv[0]);
  end = end_of_strings(::environ, end);
  (void)::clearenv();
  const std::span<char> room(argv[0], end);
  std::ranges::fill(room, '\0');
  std::ranges::copy(title.substr(0, room.size() - 1), room.begin());
}

}  // namespace airlock
