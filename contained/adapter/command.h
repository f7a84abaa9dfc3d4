// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace airlock::adapter {

// The program's names for its medium and the mount point. Nothing is mounted there, and the first
// does not even exist: ProgramDoor answers calls that name them.
inline constexpr std::string_view kMediumName = "/dev/medium";
inline constexpr std::string_view kFuseName = "/dev/fuse";

// A row of adapted.inc, as far as it matters here.
struct AdaptedProgram {
  std::string_view name;
  std::string_view subtypes;
  std::string_view abilities;

  [[nodiscard]] bool writes() const;
};

// The first program for a type; nullptr if there is none.
const AdaptedProgram* find_adapted(std::string_view subtype);

struct CommandWishes {
  bool read_only = false;
  uid_t user = 0;
  gid_t group = 0;
};

// The command line that mounts kMediumName, the name of the program first.
std::vector<std::string> command_for(const AdaptedProgram& program, const CommandWishes& wishes);

// One sentence for a person from what the program wrote before it gave up or mounted read-only: a
// known reason in plain words, or else its own last line.
std::string reason_in(std::string_view output);

}  // namespace airlock::adapter
