// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mount_command.h"

#include <array>
#include <optional>
#include <string_view>

#include "lib/base/command_line.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// The options that mount(8) passes to helpers, and those that people write.
constexpr auto kOptions = std::to_array<KnownOption>({
    {nullptr, 's'},
    {nullptr, 'f'},
    {nullptr, 'v'},
    {nullptr, 'n'},
    {nullptr, 'r'},
    {nullptr, 'w'},
    {nullptr, 'o', true},
    {nullptr, 't', true},
    {nullptr, 'N', true},
    {"help", 'h'},
    {"version", 'V'},
});

void add_options(const std::string& options, MountCommand& command) {
  if (!command.options.empty()) command.options += ',';
  command.options += options;
}

Result<void> set(char letter, const std::string& value, MountCommand& command) {
  switch (letter) {
    case 's':
      command.sloppy = true;
      break;
    case 'f':
      command.fake = true;
      break;
    case 'v':
      command.verbose = true;
      break;
    case 'r':
      add_options("ro", command);
      break;
    case 'w':
      add_options("rw", command);
      break;
    case 'o':
      add_options(value, command);
      break;
    case 't': {
      TRY(command.subtype, subtype_of(value));
      break;
    }
    case 'N':
      return fail(Errc::kUnsupported, "mounting into another namespace (-N) is not supported");
    default:  // -n, no mtab: it is never written anyway
      break;
  }
  return {};
}

std::optional<MountCommand::Kind> other_kind(const CommandLine& line) {
  for (const auto& given : line.options) {
    if (kOptions[given.option].letter == 'h') return MountCommand::Kind::kHelp;
    if (kOptions[given.option].letter == 'V') return MountCommand::Kind::kVersion;
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> subtype_of(const std::string& type) {
  std::string_view rest = type;
  for (const std::string_view prefix : {"fuseblk.", "fuse."})
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  constexpr std::string_view kOurs = "airlock.";
  if (!rest.starts_with(kOurs) || rest.size() == kOurs.size() ||
      rest.find('/') != std::string_view::npos)
    return fail(Errc::kInvalidArgument, "type {} is not airlock.SOMETHING", quote(type));
  return std::string(rest.substr(kOurs.size()));
}

Result<MountCommand> parse_mount_command(std::span<const std::string> arguments) {
  TRY(const CommandLine line, parse_command_line(arguments, kOptions));
  if (const auto kind = other_kind(line)) return MountCommand{.kind = *kind};
  MountCommand command;
  for (const auto& [option, value] : line.options)
    TRY_VOID(set(kOptions[option].letter, value, command));
  if (line.operands.size() != 2)
    return fail(Errc::kInvalidArgument, "need a device or image file, and a directory");
  if (command.subtype.empty())
    return fail(Errc::kInvalidArgument,
                "which filesystem? Say it as in: mount -t airlock.ext4 DEVICE DIRECTORY");
  command.source = line.operands[0];
  command.target = line.operands[1];
  return command;
}

}  // namespace airlock
