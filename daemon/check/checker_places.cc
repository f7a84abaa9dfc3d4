// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>

#include "daemon/check/checker_run.h"

namespace airlock {
namespace {

// An absolute path, or empty.
std::string path_from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : "";
}

}  // namespace

CheckerPlaces CheckerPlaces::of_this_system() {
  CheckerPlaces places{.worker = std::string(AIRLOCK_LIBEXECDIR) + "/airlock-check",
                       .directories = {"/usr/sbin", "/sbin", "/usr/bin"},
                       .own = AIRLOCK_LIBEXECDIR};
  if (::getauxval(AT_SECURE) != 0 || ::getuid() != 0) return places;
  if (const auto folder = path_from_environment("AIRLOCK_CHECKER_DIR"); !folder.empty())
    places.directories.insert(places.directories.begin(), folder);
  if (const auto folder = path_from_environment("AIRLOCK_DRIVER_DIR"); !folder.empty()) {
    places.worker = folder + "/airlock-check";
    places.own = folder;
  }
  if (auto worker = path_from_environment("AIRLOCK_CHECK"); !worker.empty())
    places.worker = std::move(worker);
  return places;
}

}  // namespace airlock
