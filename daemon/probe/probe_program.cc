// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/probe_program.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>

namespace airlock {
namespace {

constexpr const char* kName = "/airlock-probe";

// An absolute path, or empty.
std::string path_from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

std::string probe_program() {
  const bool own_rights = ::getauxval(AT_SECURE) == 0 && ::getuid() == 0;
  if (!own_rights) return std::string(AIRLOCK_LIBEXECDIR) + kName;
  if (std::string program = path_from_environment("AIRLOCK_PROBE"); !program.empty())
    return program;
  if (const std::string folder = path_from_environment("AIRLOCK_DRIVER_DIR"); !folder.empty())
    return folder + kName;
  return std::string(AIRLOCK_LIBEXECDIR) + kName;
}

}  // namespace airlock
