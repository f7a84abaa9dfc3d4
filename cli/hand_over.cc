// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/hand_over.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "cli/bus_program.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

Result<UniqueFd> open_path(const std::string& path) {
  UniqueFd descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.valid()) return fail_errno(errno, errc_from_errno(errno), "{}", quote(path));
  return descriptor;
}

// Only the child lets these descriptors survive exec.
[[noreturn]] void become(std::vector<std::string> words, std::span<const BorrowedFd> lent) {
  for (const BorrowedFd descriptor : lent) (void)::fcntl(descriptor.get(), F_SETFD, 0);
  (void)become_bus_program(std::move(words));
  ::_exit(EXIT_FAILURE);
}

Result<void> run(std::vector<std::string> words, std::span<const BorrowedFd> lent) {
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, Errc::kSystem, "start another process");
  if (child == 0) become(std::move(words), lent);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return fail_errno(errno, Errc::kSystem, "wait for {}", kBusProgramName);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) return {};
  return fail(Errc::kPeerGone, "{} failed", kBusProgramName);
}

}  // namespace

Result<void> hand_over(const Medium& medium, std::uint64_t mount, const StartedDriver& driver,
                       const std::string& program, uid_t user) {
  if (!system_bus_may_be_there()) return fail(Errc::kPeerGone, "there is no system bus");
  TRY(const auto nothing, open_path("/dev/null"));
  TRY(const auto image, open_path(medium.is_block() ? "/dev/null" : medium.path()));
  const BorrowedFd life = driver.worker ? driver.worker->life() : driver.peer.life.borrow();
  const std::array lent = {life.valid() ? life : nothing.borrow(),
                           driver.worker ? driver.worker->log() : nothing.borrow(), image.borrow()};
  const bool builtin = driver.service_directory.empty();
  return run(
      {"adopt", std::to_string(mount),
       builtin || driver.peer.unit.empty() ? program : driver.peer.unit,
       builtin ? "builtin" : driver.service_directory, std::to_string(user),
       std::to_string(lent[0].get()), std::to_string(lent[1].get()), std::to_string(lent[2].get())},
      lent);
}

}  // namespace airlock
