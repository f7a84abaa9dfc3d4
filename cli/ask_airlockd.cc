// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ask_airlockd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "cli/ctl/bus_client.h"
#include "cli/ctl/handover.h"
#include "cli/mount_options.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::chrono::minutes kPatience{30};
// A program that has just unmounted the medium knows this before airlockd does.
constexpr int kAttempts = 30;
constexpr std::chrono::milliseconds kBetweenAttempts{100};

bool may_pass(const Error& error) {
  return error.code == Errc::kAlreadyMounted || error.code == Errc::kBusy;
}

// A handover is valid for one call.
Result<void> ask_once(ctl::BusClient& bus, const MountCommand& command, BorrowedFd place,
                      std::uint64_t mount_namespace) {
  const std::array files = {place};
  TRY(const auto handover, ctl::hand_over_files(bus, files));
  const ctl::CallOptions options = {{"options", options_for_airlockd(command.options)},
                                    {"fstype", command.subtype}};
  TRY_VOID(bus.call({.path = ctl::kManagerPath,
                     .interface = ctl::kManager,
                     .method = "MountAt",
                     .arguments = {command.source, handover, mount_namespace, options},
                     .deadline = kPatience,
                     .meanwhile = {}}));
  return {};
}

}  // namespace

Result<void> mount_by_airlockd(const MountCommand& command) {
  struct stat mount_namespace = {};
  if (::stat("/proc/self/ns/mnt", &mount_namespace) != 0)
    return fail_errno(errno, Errc::kSystem, "find our mount namespace");
  const UniqueFd place(::open(command.target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.valid())
    return fail_errno(errno, errc_from_errno(errno), "mount point {}", quote(command.target));
  TRY(auto bus, ctl::BusClient::connect());
  auto done = ask_once(bus, command, place.borrow(), mount_namespace.st_ino);
  for (int attempt = 1; !done && may_pass(done.error()) && attempt < kAttempts; ++attempt) {
    std::this_thread::sleep_for(kBetweenAttempts);
    done = ask_once(bus, command, place.borrow(), mount_namespace.st_ino);
  }
  return done;
}

}  // namespace airlock
