// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/hand_over.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "cli/ctl/bus_client.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// mount(8) waits for us, perhaps at boot.
constexpr std::chrono::seconds kPatience{2};

Result<UniqueFd> open_path(const std::string& path, int flags) {
  UniqueFd descriptor(::open(path.c_str(), flags | O_CLOEXEC));
  if (!descriptor.valid()) return fail_errno(errno, errc_from_errno(errno), "{}", quote(path));
  return descriptor;
}

}  // namespace

Result<void> hand_over(const Medium& medium, std::uint64_t mount, const StartedDriver& driver,
                       const std::string& program, uid_t user) {
  struct stat mount_namespace = {};
  if (::stat("/proc/self/ns/mnt", &mount_namespace) != 0)
    return fail_errno(errno, Errc::kSystem, "find our mount namespace");
  TRY(const auto nothing, open_path("/dev/null", O_RDONLY));
  TRY(const auto image, open_path(medium.is_block() ? "/dev/null" : medium.path(), O_RDONLY));
  const BorrowedFd life = driver.worker ? driver.worker->life() : driver.peer.life.borrow();
  const BorrowedFd log = driver.worker ? driver.worker->log() : nothing.borrow();
  TRY(auto bus, ctl::BusClient::connect());
  const bool builtin = driver.service_directory.empty();
  TRY_VOID(bus.call({.path = ctl::kManagerPath,
                     .interface = ctl::kManager,
                     .method = "AdoptMount",
                     .arguments = {mount, std::uint64_t{mount_namespace.st_ino},
                                   life.valid() ? life : nothing.borrow(), log, image.borrow(),
                                   builtin || driver.peer.unit.empty() ? program : driver.peer.unit,
                                   builtin ? std::string("builtin") : driver.service_directory,
                                   static_cast<std::uint32_t>(user)},
                     .deadline = kPatience,
                     .meanwhile = {}}));
  return {};
}

}  // namespace airlock
