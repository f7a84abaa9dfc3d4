// SPDX-License-Identifier: GPL-2.0-or-later
// oprunner DIRECTORY < SCRIPT: performs the script inside the directory and prints one line per
// operation: its number, name, errno and other results. The same script on two mounts must print
// the same.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "session.h"

namespace {

int run_script(airlock::test::Session& session) {
  std::size_t number = 0;
  for (std::string text; std::getline(std::cin, text); ++number) {
    const airlock::test::OpLine line(text);
    if (line.empty()) continue;
    const auto operation = airlock::test::find_operation(line.name());
    if (operation == nullptr) {
      fmt::print(stderr, "oprunner: no operation {}\n", line.name());
      return 2;
    }
    const airlock::test::OpResult result = operation(session, line);
    fmt::print("{} {} {} {}\n", number, line.name(), result.error, result.value);
    // If the next one hangs, the output must show that this one did not.
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  // Writing into a FIFO without a reader is an error like any other.
  std::signal(SIGPIPE, SIG_IGN);
  // Changing the root as well keeps random symbolic links from leading out of the mount.
  if (count != 2 || chdir(arguments[1]) != 0 || chroot(".") != 0) {
    fmt::print(stderr, "usage: oprunner DIRECTORY < SCRIPT\n");
    return 2;
  }
  umask(0);
  airlock::test::Session session;
  return run_script(session);
}
