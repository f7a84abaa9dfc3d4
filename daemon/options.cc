// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/options.h"

#include <array>
#include <string_view>

#include "lib/base/command_line.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::string_view kHelp = R"(Usage: airlockd [OPTIONS]

Mounts removable media with contained drivers, for the user at the machine. D-Bus or udev normally
starts it, and it ends automatically when there is nothing to do. See airlockd(8).

  --idle-exit SECONDS    end after this time without anything to do; 0: never
  --mount-base FOLDER    mounts appear in FOLDER/USER/LABEL
  --state-dir FOLDER     state for the next airlockd, /run/airlock
  --settings-dir FOLDER  read settings from here and nowhere else
  --death-grace SECONDS  detach the mount of a dead driver after this time, 30
  --verbose              log more
  --help, --version
)";

Result<std::chrono::seconds> seconds(const std::string& option, const std::string& text) {
  constexpr long kMost = 31'536'000;  // a year
  if (const auto number = parse_number<long>(text, 0, kMost)) return std::chrono::seconds(*number);
  return fail(Errc::kInvalidArgument, "{} is a number of seconds, not {}", option, quote(text));
}

Result<std::string> folder(const std::string& option, std::string text) {
  if (text.starts_with('/')) return text;
  return fail(Errc::kInvalidArgument, "{} is an absolute path, not {}", option, quote(text));
}

constexpr auto kOptions = std::to_array<KnownOption>({
    {"idle-exit", '\0', true},
    {"mount-base", '\0', true},
    {"state-dir", '\0', true},
    {"settings-dir", '\0', true},
    {"death-grace", '\0', true},
    {"verbose"},
    {"help"},
    {"version"},
});

Result<void> set(std::string_view name, const std::string& value, DaemonOptions& options) {
  const std::string option = "--" + std::string(name);
  if (name == "idle-exit") {
    TRY(options.idle_exit, seconds(option, value));
  } else if (name == "death-grace") {
    TRY(options.death_grace, seconds(option, value));
  } else if (name == "mount-base") {
    TRY(options.mount_base, folder(option, value));
  } else if (name == "state-dir") {
    TRY(options.state_directory, folder(option, value));
  } else if (name == "settings-dir") {
    TRY(options.settings_directory, folder(option, value));
  } else if (name == "verbose") {
    options.verbose = true;
  } else {
    options.kind = name == "help" ? DaemonOptions::Kind::kHelp : DaemonOptions::Kind::kVersion;
  }
  return {};
}

}  // namespace

Result<DaemonOptions> parse_daemon_options(std::span<const std::string> arguments) {
  TRY(const CommandLine line, parse_command_line(arguments, kOptions));
  if (!line.operands.empty())
    return fail(Errc::kInvalidArgument, "airlockd takes only options, not {}",
                quote(line.operands.front()));
  DaemonOptions options;
  for (const auto& [option, value] : line.options)
    TRY_VOID(set(kOptions[option].name, value, options));
  return options;
}

std::string daemon_help() {
  return std::string(kHelp);
}

}  // namespace airlock
