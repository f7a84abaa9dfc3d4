// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/adapter/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/base/sandbox_contract.h"
#include "lib/base/text.h"

namespace airlock::adapter {
namespace {

constexpr auto kPrograms = std::to_array<AdaptedProgram>({
#define AIRLOCK_ADAPTED(name, subtypes, program, package, abilities, memory, files, tasks) \
  {name, subtypes, abilities},
#include "contained/adapter/adapted.inc"
#undef AIRLOCK_ADAPTED
});

constexpr std::size_t kLongestLine = 200;

struct KnownReason {
  std::string_view words;  // of the program
  std::string_view reason;
};

// In this order: the first that is found counts.
constexpr auto kKnownReasons = std::to_array<KnownReason>({
    {"Windows is hibernated",
     "Windows is hibernated on it, which writing would destroy: shut Windows down fully first"},
    {"unclean file system",
     "Windows or another system did not unmount it: start Windows and shut it down fully, or check "
     "it there"},
    {"unsafe state", "Windows did not shut down fully, and keeps changes for it: do that first"},
    {"NTFS signature is missing", "it does not hold NTFS"},
    {"unknown filesystem", "the program does not understand this format or one of its features"},
    {"not a correct XFS",
     "the XFS on it is damaged or has features that the program does not know"},
});

}  // namespace

bool AdaptedProgram::writes() const {
  return has_word(abilities, ' ', "write");
}

const AdaptedProgram* find_adapted(std::string_view subtype) {
  const auto row = std::ranges::find_if(kPrograms, [subtype](const AdaptedProgram& program) {
    return has_word(program.subtypes, ' ', subtype);
  });
  return row == kPrograms.end() ? nullptr : &*row;
}

std::vector<std::string> command_for(const AdaptedProgram& program, const CommandWishes& wishes) {
  const std::string medium(kMediumName), place(kEmptyRootPlace);
  // Never remove_hiberfile or recover by force: what another system keeps for itself stays.
  if (program.name == "ntfs-3g")
    return {"ntfs-3g", "-o",
            fmt::format("no_detach,uid={},gid={},umask=022,{}", wishes.user, wishes.group,
                        wishes.read_only ? "ro" : "rw"),
            medium, place};
  if (program.name == "erofsfuse") return {"erofsfuse", "-f", medium, place};
  return {std::string(program.name), medium, place};
}

std::string reason_in(std::string_view output) {
  for (const KnownReason& known : kKnownReasons)
    if (output.find(known.words) != std::string_view::npos) return std::string(known.reason);
  std::string_view last;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    if (output.substr(0, end).find_first_not_of(' ') != std::string_view::npos)
      last = output.substr(0, end);
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return std::string(last.substr(0, kLongestLine));
}

}  // namespace airlock::adapter
