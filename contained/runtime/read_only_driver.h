// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string_view>

#include "contained/runtime/confine.h"
#include "contained/runtime/medium_reader.h"
#include "contained/runtime/read_only_format.h"
#include "lib/base/error.h"

namespace airlock {

struct ReadOnlyProgram {
  std::string_view name;  // "airlock-romfs"
  Filter filter;
  // Reads the medium for the first time; the process is confined already. The failure is what the
  // person reads: kWrongFormat, kUnsupported or kCorrupted, and why. The medium outlives the
  // format.
  Result<std::unique_ptr<ReadOnlyFormat>> (*open)(const MediumReader& medium);
};

// All of main() of a driver that never writes; see contained/README.md for how to write one. It
// asks for its medium read-only, whatever the mount is to be. Returns the exit status.
int read_only_driver_main(int argc, char** argv, const ReadOnlyProgram& program);

}  // namespace airlock
