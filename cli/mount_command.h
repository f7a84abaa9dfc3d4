// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// The command line of mount.airlock, as mount(8) writes it for a helper:
//   DEVICE DIRECTORY [-sfnv] [-o OPTIONS] [-t airlock.TYPE]
struct MountCommand {
  enum class Kind { kMount, kHelp, kVersion };
  Kind kind = Kind::kMount;
  std::string source;
  std::string target;
  std::string subtype;  // "ext4" for -t airlock.ext4
  std::string options;  // all -o joined by commas
  bool sloppy = false;  // -s: unknown options are ignored
  bool fake = false;    // -f: do everything but the mount
  bool verbose = false;
};

Result<MountCommand> parse_mount_command(std::span<const std::string> arguments);

// "airlock.ext4" and the type names mount tables show ("fuseblk.airlock.ext4") to "ext4".
Result<std::string> subtype_of(const std::string& type);

}  // namespace airlock
