// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/hostile/control_run.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "contained/hostile/behaviour.h"

namespace airlock::hostile {
namespace {

#if defined(__x86_64__)

constexpr std::ptrdiff_t kGateLength = 2;  // of the instruction int $0x80

greg_t& instruction_pointer(void* context) {
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
}

using Code = std::array<unsigned char, kGateLength>;

Code code_at(greg_t address) {
  Code code{};
  std::memcpy(code.data(), reinterpret_cast<void*>(address), code.size());  // NOLINT
  return code;
}

// An emulated processor may name the place behind the gate.
Code faulting_code(greg_t address) {
  constexpr Code kGate{0xcd, 0x80};
  return code_at(address - kGateLength) == kGate ? kGate : code_at(address);
}

// Nobody catches the signal the second time.
void on_fault(int, siginfo_t*, void* context) {
  const Code code = faulting_code(instruction_pointer(context));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 10> text{'f', 'a', 'u', 'l', 't', ' '};
  for (std::size_t i = 0; i < code.size(); ++i) {
    text[6 + 2 * i] = kDigits[code[i] >> 4];
    text[7 + 2 * i] = kDigits[code[i] & 0xf];
  }
  report({text.data(), text.size()});
  (void)::raise(SIGSEGV);  // for where the instruction does not raise it again
}

// The filter saw the call; as far as the program can tell, the instruction has not been carried
// out and a fault is pending.
void on_gate(int, siginfo_t*, void* context) {
  instruction_pointer(context) -= kGateLength;
  (void)::syscall(SYS_tgkill, ::getpid(), ::gettid(), SIGSEGV);  // blocked until we return
}

bool catch_signal(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  ::sigaddset(&action.sa_mask, SIGSEGV);
  return ::sigaction(number, &action, nullptr) == 0;
}

#endif

}  // namespace

#if defined(__x86_64__)

void report_faults() {
  (void)catch_signal(SIGSEGV, on_fault, SA_RESETHAND);
}

Result<void> close_gate() {
  std::array<sock_filter, 4> steps{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = steps.size(), .filter = steps.data()};
  if (!catch_signal(SIGSYS, on_gate, 0) || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    return fail_errno(errno, Errc::kSystem, "close the gate");
  return {};
}

#else

void report_faults() {}

Result<void> close_gate() {
  return fail(Errc::kUnsupported, "there is no such gate here");
}

#endif

}  // namespace airlock::hostile
