// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/fuse_driver.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "daemon/system/directory_entries.h"
#include "lib/base/number.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;

// The kernel's own form of a device number, by which it numbers connections.
std::uint64_t connection_of(dev_t filesystem) {
  return static_cast<std::uint64_t>(major(filesystem)) << 20 | minor(filesystem);
}

struct Connections {
  bool untold = false;  // found a /dev/fuse descriptor that does not show its connection
  bool wanted = false;
};

void look_at_descriptor(const fs::path& info, std::uint64_t wanted, Connections& seen) {
  std::ifstream lines(info);
  constexpr std::string_view kKey = "fuse_connection:";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kKey)) continue;
    const std::size_t digits = std::min(line.find_first_of("0123456789"), line.size());
    std::uint64_t number = 0;
    (void)std::from_chars(line.data() + digits, line.data() + line.size(), number);
    seen.wanted |= number == wanted;
    return;
  }
  seen.untold = true;
}

Connections connections_of(const fs::path& process, std::uint64_t wanted) {
  Connections seen;
  for (const fs::path& descriptor : entries_of(process / "fd")) {
    std::error_code ignored;
    if (fs::read_symlink(descriptor, ignored) != "/dev/fuse") continue;
    look_at_descriptor(process / "fdinfo" / descriptor.filename(), wanted, seen);
  }
  return seen;
}

pid_t pid_of(const fs::path& process) {
  return parse_number<pid_t>(process.filename().string()).value_or(0);
}

}  // namespace

FuseDriver find_fuse_driver(dev_t filesystem, const std::string& proc) {
  FuseDriver driver{.state = FuseDriver::State::kNobody, .process = {}};
  for (const fs::path& process : entries_of(proc)) {
    const pid_t pid = pid_of(process);
    if (pid == 0) continue;
    const Connections seen = connections_of(process, connection_of(filesystem));
    if (seen.untold) driver.state = FuseDriver::State::kUnknown;
    const auto identity = seen.wanted ? identify_process(pid, proc)
                                      : Result<ProcessIdentity>(fail(Errc::kNotFound, "not it"));
    if (identity) return {.state = FuseDriver::State::kFound, .process = *identity};
  }
  return driver;
}

}  // namespace airlock
