// SPDX-License-Identifier: GPL-2.0-or-later
// airlock-mount-bus, which speaks D-Bus for mount.airlock; not for other callers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "cli/ask_airlockd.h"
#include "cli/bus_program.h"
#include "cli/ctl/bus_client.h"
#include "cli/ctl/handover.h"
#include "cli/mount_exit_code.h"
#include "lib/base/log.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// mount(8) waits for this program, perhaps at boot.
constexpr std::chrono::seconds kBusPatience{2};
// Ends this process even if a bus accepts the connection and stays silent.
constexpr unsigned kLastSecond = 3;

template <typename Number>
Result<Number> number(const std::string& word) {
  if (const auto value = parse_number<Number>(word)) return *value;
  return fail(Errc::kInvalidArgument, "{} is not a number", quote(word));
}

Result<UniqueFd> inherited(const std::string& word) {
  TRY(const int descriptor, number<int>(word));
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
    return fail_errno(errno, Errc::kInvalidArgument, "descriptor {}", descriptor);
  return UniqueFd{descriptor};
}

Result<void> adopt(std::span<const std::string> words) {
  struct stat mount_namespace = {};
  if (::stat("/proc/self/ns/mnt", &mount_namespace) != 0)
    return fail_errno(errno, Errc::kSystem, "find our mount namespace");
  TRY(const auto mount, number<std::uint64_t>(words[0]));
  TRY(const auto user, number<std::uint32_t>(words[3]));
  TRY(const auto life, inherited(words[4]));
  TRY(const auto log, inherited(words[5]));
  TRY(const auto image, inherited(words[6]));
  TRY(auto bus, ctl::BusClient::connect());
  const std::array files = {life.borrow(), log.borrow(), image.borrow()};
  TRY(const auto handover, ctl::hand_over_files(bus, files, kBusPatience));
  TRY_VOID(bus.call({.path = ctl::kManagerPath,
                     .interface = ctl::kManager,
                     .method = "AdoptMount",
                     .arguments = {mount, std::uint64_t{mount_namespace.st_ino}, handover, words[1],
                                   words[2], user},
                     .deadline = kBusPatience,
                     .meanwhile = {}}));
  return {};
}

int adopt_or_say_why(std::span<const std::string> words) {
  (void)::alarm(kLastSecond);
  const auto done = adopt(words);
  if (done) return kSuccess;
  log(LogLevel::kInfo, "airlockd does not watch this mount: {}", done.error().message());
  return kMountFailure;
}

int mount_at(std::span<const std::string> words) {
  MountCommand command;
  command.source = words[0];
  command.target = words[1];
  command.subtype = words[2];
  command.options = words[3];
  const auto done = mount_by_airlockd(command);
  if (done) return kSuccess;
  log(LogLevel::kError, "cannot mount {} on {}: {}", quote(command.source), quote(command.target),
      done.error().message());
  return mount_exit_code(done.error());
}

int run(std::span<const std::string> words) {
  if (words.size() == 8 && words[0] == "adopt") return adopt_or_say_why(words.subspan(1));
  if (words.size() == 5 && words[0] == "mount-at") return mount_at(words.subspan(1));
  log(LogLevel::kError, "{} is a part of mount.airlock; see mount.airlock --help", kBusProgramName);
  return kUsage;
}

}  // namespace
}  // namespace airlock

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const bool verbose = !words.empty() && words.back() == "-v";
  if (verbose) words.pop_back();
  // Its messages carry the name of the program that people know.
  airlock::log_open("mount.airlock",
                    verbose ? airlock::LogLevel::kInfo : airlock::LogLevel::kNotice);
  return airlock::run(words);
}
