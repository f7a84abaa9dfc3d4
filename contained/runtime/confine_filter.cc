// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

#include "contained/runtime/confine_steps.h"
#include "contained/runtime/syscall_rules.h"
#include "lib/base/sandbox_contract.h"

#if defined(__SANITIZE_ADDRESS__)
// The leak check stops the world with a second process and ptrace, which no filter of ours will
// allow, and a worker has no environment to switch it off in.
extern "C" const char* __asan_default_options();
extern "C" __attribute__((weak)) const char* __asan_default_options() {
  return "detect_leaks=0";
}
#endif

namespace airlock {
namespace {

// A call that exists everywhere and does nothing anywhere; no list will ever allow it.
constexpr long kNeverAllowed = SYS_nfsservctl;

// Runs in the middle of anything: writes digits, nothing else.
std::size_t write_decimal(unsigned number, char* into) {
  std::array<char, 10> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  std::reverse_copy(digits.begin(), digits.begin() + static_cast<std::ptrdiff_t>(count), into);
  return count;
}

// Says which call it was and then makes another forbidden one. SIGSYS is blocked while its
// handler runs, so this time the kernel ends the process itself, with SIGSYS, which is how the
// starter knows for sure. The handler can't be taken away: the filter lets nobody change it, and
// blocking SIGSYS only means that the first forbidden call ends the process without the line.
void on_forbidden_call(int, siginfo_t* information, void*) {
  std::array<char, 64> line{};
  std::size_t length = kForbiddenCallLine.copy(line.data(), kForbiddenCallLine.size());
  length += write_decimal(static_cast<unsigned>(information->si_syscall), line.data() + length);
  line[length++] = '\n';
  (void)::syscall(SYS_write, STDERR_FILENO, line.data(), length);
  while (true) (void)::syscall(kNeverAllowed);
}

}  // namespace

Result<void> report_forbidden_calls() {
  struct sigaction action{};
  action.sa_sigaction = on_forbidden_call;
  action.sa_flags = SA_SIGINFO;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(SIGSYS, &action, nullptr) != 0)
    return fail_errno(errno, Errc::kSystem, "prepare the report of forbidden calls");
  return {};
}

Result<void> install_filter(Filter filter) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "set no_new_privs");
  return add_filter(filter);
}

Result<void> add_filter(Filter filter) {
  std::vector<sock_filter> steps(filter.begin(), filter.end());
  for (sock_filter& step : steps)
    if (step.k == kThisProcess) step.k = static_cast<std::uint32_t>(::getpid());
  const sock_fprog program{.len = static_cast<unsigned short>(steps.size()),
                           .filter = steps.data()};
  // For every thread, should there be others: a positive answer names one that could not be had.
  const long refused =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (refused == 0) return {};
  return fail_errno(refused < 0 ? errno : EBUSY, Errc::kSystem, "install the system call filter");
}

}  // namespace airlock
