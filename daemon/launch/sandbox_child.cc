// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/sandbox_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>

#include "lib/base/resource_limit.h"
#include "lib/base/sandbox_contract.h"

namespace airlock {
namespace {

constexpr int kSetupFailed = 127;
// The plan's descriptors first move above this, so that none of them is in another's place.
constexpr int kAboveFixedDescriptors = 16;

// Address space besides data: an idle driver uses 8 MiB. The rest is for longer lists of libraries.
constexpr std::uint64_t kProgramAndLibraries = 64ULL << 20;

constexpr int kSyncDescriptor = kLentDescriptor + 1;
constexpr int kProgramDescriptor = kLentDescriptor + 2;

ChildOutcome done(ChildStep step, bool worked) {
  return {step, worked ? 0 : errno};
}

ChildOutcome reset_process() {
  // Numbers above the known signals do not exist; the C library's two answer EINVAL.
  for (int number = 1; number < NSIG; ++number) (void)::signal(number, SIG_DFL);
  // The reader of standard error may go away before the worker does.
  (void)::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return done(ChildStep::kResetProcess, false);
  ::umask(0022);  // for building the root
  // A debugger of the starter may have switched off address randomisation.
  (void)::personality(PER_LINUX);
  // Session keyrings are inherited; without any, there is nothing to leave.
  (void)::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  return done(ChildStep::kResetProcess, ::setsid() >= 0);
}

// Closes everything that has no place here, before exec: with the starter's own end of a socket
// open, the child would never notice the starter's death.
ChildOutcome place_descriptors(const ChildPlan& plan) {
  const auto above = [](int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, kAboveFixedDescriptors); };
  const auto place = [&](int fd, int at) { return ::dup2(fd, at) == at; };
  const auto place_until_exec = [&](int fd, int at) { return ::dup3(fd, at, O_CLOEXEC) == at; };
  const int null = above(plan.null), log = above(plan.log), control = above(plan.control);
  const int sync = above(plan.sync), program = above(plan.program);
  const bool lends = plan.lent >= 0;
  const int lent = lends ? above(plan.lent) : 0;
  const bool moved = std::min({null, log, control, sync, program, lent}) >= 0;
  const bool placed = moved && place(null, 0) && place(log, 1) && place(log, 2) &&
                      place(control, kControlDescriptor) &&
                      (lends ? place(lent, kLentDescriptor)
                             : ::close_range(kLentDescriptor, kLentDescriptor, 0) == 0) &&
                      place_until_exec(sync, kSyncDescriptor) &&
                      place_until_exec(program, kProgramDescriptor);
  return done(ChildStep::kPlaceDescriptors,
              placed && ::close_range(kProgramDescriptor + 1, ~0U, 0) == 0);
}

bool hear_starter(int sync, StarterWord& word) {
  ssize_t length = 0;
  do {
    length = ::recv(sync, &word, sizeof word, 0);
  } while (length < 0 && errno == EINTR);
  if (length == 0) errno = EPIPE;  // the starter is gone
  return length == static_cast<ssize_t>(sizeof word);
}

// From here on, being user 0 or changing users does not affect capabilities.
ChildOutcome lock_privileges() {
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED;
  const bool worked = ::prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) == 0 &&
                      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  return done(ChildStep::kLockPrivileges, worked);
}

bool limit_memory([[maybe_unused]] const SandboxLimits& limits) {
#if defined(__SANITIZE_ADDRESS__)
  return true;  // its shadow memory is larger than any limit worth having
#else
  // The data limit counts the memory that is writable now, which is right for an honest worker. The
  // address limit stops a worker that makes pages unwritable again, or that fills page tables.
  return lower_limit(RLIMIT_DATA, limits.memory_bytes) &&
         lower_limit(RLIMIT_AS, limits.memory_bytes + kProgramAndLibraries);
#endif
}

ChildOutcome set_limits(const SandboxLimits& limits) {
  // No limit on RLIMIT_FSIZE: it would cut off writes to image files.
  const bool worked = limit_memory(limits) && lower_limit(RLIMIT_STACK, limits.stack_bytes) &&
                      lower_limit(RLIMIT_NOFILE, limits.open_files) &&
                      lower_limit(RLIMIT_NPROC, limits.tasks) && lower_limit(RLIMIT_CORE, 0) &&
                      lower_limit(RLIMIT_MEMLOCK, 0) && lower_limit(RLIMIT_MSGQUEUE, 0) &&
                      lower_limit(RLIMIT_RTPRIO, 0) && lower_limit(RLIMIT_NICE, 0) &&
                      lower_limit(RLIMIT_SIGPENDING, limits.tasks);
  return done(ChildStep::kLimit, worked);
}

ChildOutcome take_identity(uid_t id) {
  const bool worked = ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
                      ::syscall(SYS_setresgid, id, id, id) == 0 &&
                      ::syscall(SYS_setresuid, id, id, id) == 0;
  return done(ChildStep::kTakeIdentity, worked);
}

ChildOutcome hide_host() {
  constexpr std::string_view kName = "airlock";
  const bool worked = ::sethostname(kName.data(), kName.size()) == 0 &&
                      ::setdomainname(kName.data(), kName.size()) == 0;
  return done(ChildStep::kHideHost, worked);
}

bool set_capabilities(std::uint64_t set) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto half = static_cast<std::uint32_t>(set >> (32 * i));
    data[i] = {.effective = half, .permitted = half, .inheritable = half};
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

// Keeps the capabilities that the runtime needs to leave the libraries behind (SYS_ADMIN) and to
// drop the rest (SETPCAP). In a user namespace both apply to that namespace only.
ChildOutcome reduce_capabilities() {
  constexpr std::array kKept = {CAP_SYS_ADMIN, CAP_SETPCAP};
  std::uint64_t kept = 0;
  for (const int capability : kKept) kept |= 1ULL << capability;
  for (int capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;  // past the last one
  }
  bool worked = set_capabilities(kept);
  for (const int capability : kKept)
    worked = worked && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
  return done(ChildStep::kReduceCapabilities, worked);
}

void say(int sync, ChildOutcome outcome) {
  const ChildReport report{.step = outcome.step, .error_number = outcome.error_number};
  (void)::send(sync, &report, sizeof report, MSG_NOSIGNAL);  // the starter may be gone
}

// From here on we die with the starter. It may have died before; then nobody answers.
ChildOutcome die_with_starter(int sync) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return done(ChildStep::kDieWithStarter, false);
  say(sync, {.step = ChildStep::kReady, .error_number = 0});
  StarterWord word{};
  return done(ChildStep::kDieWithStarter, hear_starter(sync, word));
}

// The order matters. Limits come before the user changes. The mounts are made as that user, because
// the tmpfs of a user namespace can't create files for a user that the namespace does not know. The
// death signal comes last, because every change of identity clears it.
ChildOutcome prepare(const ChildPlan& plan) {
  if (const auto step = place_descriptors(plan); step.failed()) return step;
  if (const auto step = reset_process(); step.failed()) return step;
  StarterWord word{};
  if (!hear_starter(kSyncDescriptor, word)) return done(ChildStep::kAwaitStarter, false);
  if (const auto step = lock_privileges(); step.failed()) return step;
  if (const auto step = set_limits(plan.limits); step.failed()) return step;
  if (const auto step = take_identity(word.user_id); step.failed()) return step;
  if (const auto step = hide_host(); step.failed()) return step;
  if (const auto step = enter_library_root(); step.failed()) return step;
  ::umask(0777);
  if (const auto step = reduce_capabilities(); step.failed()) return step;
  return die_with_starter(kSyncDescriptor);
}

}  // namespace

void run_sandbox_child(const ChildPlan& plan) {
  ChildOutcome outcome = prepare(plan);
  if (!outcome.failed()) {
    (void)::syscall(SYS_execveat, kProgramDescriptor, "", plan.arguments, plan.environment,
                    AT_EMPTY_PATH);
    outcome = done(ChildStep::kExecute, false);
  }
  // Until the descriptors are in place, the starter listens on the old one.
  const bool in_place = outcome.step != ChildStep::kPlaceDescriptors;
  say(in_place ? kSyncDescriptor : plan.sync, outcome);
  ::_exit(kSetupFailed);
}

std::string_view child_step_text(ChildStep step) {
  switch (step) {
    case ChildStep::kReady:
      return "finish";
    case ChildStep::kAwaitStarter:
      return "hear from its starter";
    case ChildStep::kResetProcess:
      return "leave the session of its starter";
    case ChildStep::kPlaceDescriptors:
      return "put its descriptors in place";
    case ChildStep::kLockPrivileges:
      return "lock its privileges";
    case ChildStep::kLimit:
      return "limit its resources";
    case ChildStep::kTakeIdentity:
      return "take its own user id";
    case ChildStep::kHideHost:
      return "set a host name of its own";
    case ChildStep::kBuildRoot:
      return "build its root on /tmp";
    case ChildStep::kBindLibraries:
      return "show itself the libraries";
    case ChildStep::kEnterRoot:
      return "enter its root";
    case ChildStep::kReduceCapabilities:
      return "give up its capabilities";
    case ChildStep::kDieWithStarter:
      return "bind its life to its starter";
    case ChildStep::kExecute:
      return "execute the program";
  }
  std::abort();  // a step outside the enumeration: the child is our own code
}

}  // namespace airlock
