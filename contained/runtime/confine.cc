// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/confine.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <string_view>

#include "contained/runtime/confine_steps.h"
#include "lib/base/sandbox_contract.h"

namespace airlock {
namespace {

using CapabilityData = std::array<__user_cap_data_struct, 2>;

void write_line(std::string_view line) {
  // When nobody reads it there is nobody to tell.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

// Process 1 of a process namespace can't die of a signal it sends itself, so abort() would end in
// a confusing SIGSEGV.
void on_abort(int) {
  write_line("airlock: aborted\n");
  ::_exit(kExitAborted);
}

void on_no_memory() {
  write_line("airlock: out of memory\n");
  ::_exit(kExitOutOfMemory);
}

void prepare_endings() {
  (void)::signal(SIGABRT, on_abort);
  (void)::signal(SIGPIPE, SIG_IGN);
  std::set_new_handler(on_no_memory);
}

Result<RootState> leave_libraries_behind() {
  if (::chdir(kEmptyRootPlace) != 0) {
    if (errno == ENOENT) return RootState::kAsGiven;
    return fail_errno(errno, Errc::kSystem, "go to the empty root");
  }
  if (::syscall(SYS_pivot_root, ".", ".") != 0)
    return fail_errno(errno, Errc::kSystem, "enter the empty root");
  if (::umount2(".", MNT_DETACH) != 0)
    return fail_errno(errno, Errc::kSystem, "leave the libraries behind");
  if (::chdir("/") != 0) return fail_errno(errno, Errc::kSystem, "enter the empty root");
  return RootState::kEmpty;
}

Result<CapabilityData> capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityData data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return fail_errno(errno, Errc::kSystem, "look at the capabilities");
  return data;
}

// The call is not even made by a worker that has none: a unit's filter need not allow it.
Result<void> clear_capabilities(const CapabilityData& held) {
  constexpr auto kNone = [](const __user_cap_data_struct& half) {
    return (half.effective | half.permitted | half.inheritable) == 0;
  };
  if (std::ranges::all_of(held, kNone)) return {};
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  CapabilityData none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return fail_errno(errno, Errc::kSystem, "drop the capabilities");
  return {};
}

// What could bring capabilities back: the bounding set and the special treatment of user 0.
// Takes CAP_SETPCAP; whoever started us without has seen to it (or not: then no_new_privs and
// the empty sets remain).
Result<void> forbid_new_capabilities() {
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "lock the secure bits");
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last one
    return fail_errno(errno, Errc::kSystem, "drop capability {} from the bounding set", capability);
  }
  return {};
}

Result<void> give_up_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "set no_new_privs");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "clear the ambient capabilities");
  TRY(const auto held, capabilities());
  if ((held[0].effective >> CAP_SETPCAP & 1) != 0) TRY_VOID(forbid_new_capabilities());
  TRY_VOID(clear_capabilities(held));
  // Exec made it dumpable again, whatever the launcher set.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "become non-dumpable");
  return {};
}

}  // namespace

Result<RootState> enter_empty_root() {
  prepare_endings();
  TRY(const auto root, leave_libraries_behind());
  TRY_VOID(give_up_privileges());
  return root;
}

Result<void> stay_with_libraries() {
  prepare_endings();
  return give_up_privileges();
}

void outlive_starter() {
  // Can't fail: 0 is always a valid signal here, and the filter allows just that.
  (void)::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

Result<Confinement> confine(Filter filter) {
  TRY(const int landlock_abi, forbid_with_landlock());
  TRY_VOID(confine_to_calls(filter));
  return Confinement{.landlock_abi = landlock_abi};
}

Result<void> confine_to_calls(Filter filter) {
  TRY_VOID(report_forbidden_calls());
  return install_filter(filter);
}

}  // namespace airlock
