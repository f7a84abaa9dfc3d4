// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "contained/runtime/tests/scratch_medium.h"

// Whole filesystems in memory for tests that need neither root nor a mount: made and judged by the
// programs of the system. Without these programs a test using them fails.
namespace airlock {

struct Verdict {
  int status = -1;               // as the program exits
  std::string report;            // what it said
  std::vector<std::byte> image;  // after it
};

struct Opinion {
  int status = -1;     // as the program exits
  std::string report;  // what it said
};

// A shell command finds the name of the image's file in $image. Making one fails loudly.
std::vector<std::byte> image_made_by(const std::string& command);
Verdict image_given_to(const std::string& command, std::span<const std::byte> image);
// The same on the medium itself, which keeps what the command changed.
Opinion medium_given_to(const std::string& command, ScratchMedium& medium);

}  // namespace airlock
