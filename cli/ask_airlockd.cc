// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ask_airlockd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "cli/ctl/bus_client.h"
#include "cli/mount_options.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::chrono::minutes kPatience{30};
// Whoever unmounted it a moment ago knows so before airlockd does.
constexpr int kAttempts = 30;
constexpr std::chrono::milliseconds kBetweenAttempts{100};

bool may_pass(const Error& error) {
  return error.code == Errc::kAlreadyMounted || error.code == Errc::kBusy;
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
  const ctl::CallOptions options = {{"options", options_for_airlockd(command.options)},
                                    {"fstype", command.subtype}};
  const ctl::BusClient::Call call{
      .path = ctl::kManagerPath,
      .interface = ctl::kManager,
      .method = "MountAt",
      .arguments = {command.source, place.borrow(), std::uint64_t{mount_namespace.st_ino}, options},
      .deadline = kPatience,
      .meanwhile = {}};
  auto answer = bus.call(call);
  for (int attempt = 1; !answer && may_pass(answer.error()) && attempt < kAttempts; ++attempt) {
    std::this_thread::sleep_for(kBetweenAttempts);
    answer = bus.call(call);
  }
  if (!answer) return std::unexpected(std::move(answer).error());
  return {};
}

}  // namespace airlock
