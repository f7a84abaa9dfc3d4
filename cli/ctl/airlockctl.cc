// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/ctl/terminal.h"
#include "cli/ctl/verbs.h"
#include "lib/base/nearest.h"
#include "lib/base/text.h"

namespace airlock::ctl {
namespace {

// Documented in airlockctl(1).
enum ExitCode {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNoSuchThing = 3,
  kNotAllowed = 4,
  kInTheWay = 5,
  kUnreachable = 6,
  kBadMedium = 7,
};

int exit_code(Errc code) {
  static const std::map<Errc, ExitCode> kCodes = {
      {Errc::kInvalidArgument, kUsage},   {Errc::kNotFound, kNoSuchThing},
      {Errc::kNotPermitted, kNotAllowed}, {Errc::kBusy, kInTheWay},
      {Errc::kAlreadyMounted, kInTheWay}, {Errc::kPeerGone, kUnreachable},
      {Errc::kWrongFormat, kBadMedium},   {Errc::kUnsupported, kBadMedium},
      {Errc::kCorrupted, kBadMedium},     {Errc::kIo, kBadMedium},
      {Errc::kWorkerDied, kBadMedium},    {Errc::kProtocol, kBadMedium},
  };
  const auto found = kCodes.find(code);
  return found == kCodes.end() ? kFailed : found->second;
}

struct OptionHelp {
  std::string_view name;
  std::string_view usage;
  std::string_view what;
};
constexpr std::array kOptions = {
    OptionHelp{"options", "-o, --options LIST", "mount options, as for mount(8): ro, noexec, ..."},
    OptionHelp{"type", "-t, --type TYPE", "type of filesystem: of the medium, or to format it as"},
    OptionHelp{"label", "-L, --label NAME", "format: the label of the new filesystem"},
    OptionHelp{"read-only", "-r, --read-only", "mount or recover read-only"},
    OptionHelp{"lazy", "-l, --lazy", "unmount when no longer in use"},
    OptionHelp{"force", "-f, --force", "end it even if in use; unwritten data is lost"},
    OptionHelp{"power-off", "    --power-off", "eject: switch the drive off as well"},
    OptionHelp{"yes", "-y, --yes", "repair, format: do not ask for confirmation"},
    OptionHelp{"no-ask", "    --no-ask", "fail instead of asking for a password"},
    OptionHelp{"all", "-a, --all", "list: also media that Airlock leaves alone"},
    OptionHelp{"json", "-j, --json", "for programs; see airlockctl(1) for the fields"},
    OptionHelp{"quiet", "-q, --quiet", "only the answer, or only the exit code"},
    OptionHelp{"help", "-h, --help", "show this help, or the help of a verb"},
    OptionHelp{"version", "-V, --version", "show the version"},
};

void print_option(const OptionHelp& option) {
  fmt::print("  {:<21}{}\n", option.usage, option.what);
}

void print_help() {
  fmt::print("airlockctl VERB [OPERAND] [OPTIONS]: removable media, mounted contained\n\n");
  for (const Verb& verb : all_verbs())
    fmt::print("  {:<32}{}\n", fmt::format("{} {}", verb.name, verb.operands), verb.what);
  fmt::print("\n");
  for (const OptionHelp& option : kOptions) print_option(option);
  fmt::print("\nDEVICE is a name (sdb1), a node (/dev/sdb1), a mount point, a label or a UUID.\n");
}

// The message may contain text from a medium or another program.
int complain(const std::string& text, int code = kUsage) {
  fmt::print(stderr, "airlockctl: {}\n", shown(text));
  return code;
}

int unknown_verb(const std::string& word) {
  std::vector<std::string_view> names;
  for (const Verb& verb : all_verbs()) names.emplace_back(verb.name);
  static const std::map<std::string, std::string> kOtherWords = {
      {"umount", "unmount"}, {"ls", "list"},        {"show", "info"},        {"watch", "monitor"},
      {"remove", "eject"},   {"poweroff", "eject"}, {"remount", "recover"},  {"fsck", "check"},
      {"fix", "repair"},     {"rename", "label"},   {"mkfs", "format"},      {"erase", "format"},
      {"wipe", "format"},    {"open", "mount"},     {"version", "--version"}};
  const auto other = kOtherWords.find(word);
  const std::string meant(other != kOtherWords.end() ? other->second : nearest(word, names));
  return complain(fmt::format(
      "there is no verb {}; {}", quote(word),
      meant.empty() ? "'airlockctl --help' lists them" : "did you mean " + meant + "?"));
}

// A mistake in the use of a verb; empty if there is none.
std::string misuse(const Verb& verb, const Arguments& arguments) {
  const std::size_t count = arguments.operands.size();
  if (count < verb.least)
    return fmt::format("{0} what? It wants {1}: airlockctl {0} {1}", verb.name, verb.operands);
  if (count > verb.most && verb.name == "mount")
    return "mount chooses the folder itself; for one of your own, as root: mount -t airlock.TYPE "
           "DEVICE FOLDER";
  if (count > verb.most)
    return fmt::format("{} does not know what to do with {}", verb.name,
                       quote(arguments.operands[verb.most]));
  const std::string taken = fmt::format(" {} ", verb.options);
  for (const std::string& option : arguments.given)
    if (taken.find(" " + option + " ") == std::string::npos)
      return fmt::format("{} takes no --{}", verb.name, option);
  return "";
}

// "recover DEVICE" and its options, from the table behind the list of all verbs.
void print_help_of(const Verb& verb) {
  fmt::print("airlockctl {}{}{}: {}\n\n", verb.name, verb.operands.empty() ? "" : " ",
             verb.operands, verb.what);
  const std::string taken = fmt::format(" {} ", verb.options);
  for (const OptionHelp& option : kOptions)
    if (taken.find(fmt::format(" {} ", option.name)) != std::string::npos) print_option(option);
}

int run_verb(const Verb& verb, const Arguments& arguments) {
  if (const std::string wrong = misuse(verb, arguments); !wrong.empty()) return complain(wrong);
  auto bus = BusClient::connect();
  if (!bus) return complain(bus.error().message(), kUnreachable);
  Session session{.bus = *bus, .arguments = arguments, .color = wants_color(STDOUT_FILENO)};
  const auto done = verb.run(session);
  if (done) return kDone;
  (void)std::fflush(stdout);  // earlier output; run() checks for errors
  return complain(done.error().message(), exit_code(done.error().code));
}

int help(const Arguments& arguments) {
  std::string about = arguments.verb;
  if (about == "help") about = arguments.operands.empty() ? "" : arguments.operands.front();
  const auto verb = std::ranges::find(all_verbs(), about, &Verb::name);
  if (about.empty()) {
    print_help();
  } else if (verb != all_verbs().end()) {
    print_help_of(*verb);
  } else {
    return unknown_verb(about);
  }
  return kDone;
}

int run(std::span<const std::string> words) {
  const auto arguments = parse_arguments(words);
  if (!arguments) return complain(arguments.error().message());
  if (arguments->version) {
    fmt::print("airlockctl {}\n", AIRLOCK_VERSION);
    return kDone;
  }
  if (arguments->help || arguments->verb == "help") return help(*arguments);
  // The answer for a user who types only the name.
  const std::string verb = arguments->verb.empty() ? "list" : arguments->verb;
  const auto found = std::ranges::find(all_verbs(), verb, &Verb::name);
  return found == all_verbs().end() ? unknown_verb(verb) : run_verb(*found, *arguments);
}

}  // namespace
}  // namespace airlock::ctl

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const int code = airlock::ctl::run(words);
    // Output that could not be written is a failure.
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    return airlock::ctl::complain("cannot write the answer", airlock::ctl::kFailed);
  } catch (const std::exception& problem) {
    (void)std::fputs("airlockctl: ", stderr);
    (void)std::fputs(problem.what(), stderr);
    (void)std::fputs("\n", stderr);
    return airlock::ctl::kFailed;
  }
}
