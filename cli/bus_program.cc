// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/bus_program.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr const char* kBusAddress = "DBUS_SYSTEM_BUS_ADDRESS";
constexpr const char* kBusSocket = "/run/dbus/system_bus_socket";

std::string program_path() {
  const bool own_rights = ::getauxval(AT_SECURE) == 0 && ::getuid() == 0;
  const char* const named = own_rights ? std::getenv("AIRLOCK_MOUNT_BUS") : nullptr;
  if (named != nullptr && *named == '/') return named;
  return std::string(AIRLOCK_LIBEXECDIR) + "/" + kBusProgramName;
}

}  // namespace

bool system_bus_may_be_there() {
  return std::getenv(kBusAddress) != nullptr || ::access(kBusSocket, F_OK) == 0;
}

std::unexpected<Error> become_bus_program(std::vector<std::string> words) {
  const std::string path = program_path();
  words.insert(words.begin(), kBusProgramName);
  if (log_shows(LogLevel::kInfo)) words.emplace_back("-v");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(path.c_str(), arguments.data());
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "run {}", quote(path));
}

}  // namespace airlock
