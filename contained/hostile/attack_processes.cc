// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {
namespace {

// In the child: gone at once. In the parent: clean up. What counts is that there was a child.
int won_if_child(long child) {
  if (child == 0) ::_exit(0);
  if (child < 0) return lost();
  ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return 0;
}

}  // namespace

int fork_child(const Targets&) {
  return won_if_child(::fork());
}

int vfork_child(const Targets&) {
  const long child = ::vfork();
  if (child == 0) ::_exit(0);
  return won_if_child(child);
}

// As the C library would not do it: without falling back to what the filter can look at.
int clone3_child(const Targets&) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  return won_if_child(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

// Comes back as main() with this word, which then says that it won.
int execute(const Targets&) {
  std::array<char, 16> path{"/proc/self/exe"};
  std::array<char, 10> word{"executed"};
  const std::array<char*, 3> arguments{path.data(), word.data(), nullptr};
  ::execv(path.data(), arguments.data());
  return lost();
}

int trace(const Targets& targets) {
  if (::ptrace(PTRACE_ATTACH, targets.victim, nullptr, nullptr) != 0) return lost();
  ::waitpid(targets.victim, nullptr, __WALL);
  ::ptrace(PTRACE_DETACH, targets.victim, nullptr, nullptr);
  return 0;
}

int kill_other(const Targets& targets) {
  return won_if(::kill(targets.victim, SIGCONT) == 0);
}

int kill_thread_of_other(const Targets& targets) {
  return won_if(::syscall(SYS_tgkill, targets.victim, targets.victim, SIGCONT) == 0);
}

int kill_everybody(const Targets&) {
  return won_if(::kill(-1, 0) == 0);
}

int read_memory_of_other(const Targets& targets) {
  // Even an address that is not mapped there tells apart "not allowed" from "no such address".
  std::array<char, 8> buffer{};
  const iovec here{.iov_base = buffer.data(), .iov_len = buffer.size()};
  const iovec there{.iov_base = buffer.data(), .iov_len = buffer.size()};
  if (::process_vm_readv(targets.victim, &here, 1, &there, 1, 0) >= 0) return 0;
  return errno == EFAULT ? 0 : lost();
}

int open_other_process(const Targets& targets) {
  return won_if(::syscall(SYS_pidfd_open, targets.victim, 0) >= 0);
}

int steal_descriptor(const Targets& targets) {
  const long victim = ::syscall(SYS_pidfd_open, targets.victim, 0);
  if (victim < 0) return lost();
  return won_if(::syscall(SYS_pidfd_getfd, victim, 0, 0) >= 0);
}

int change_priority(const Targets&) {
  return won_if(::setpriority(PRIO_PROCESS, 0, -5) == 0);
}

int real_time(const Targets&) {
  const sched_param parameters{.sched_priority = 1};
  return won_if(::sched_setscheduler(0, SCHED_FIFO, &parameters) == 0);
}

int become_dumpable(const Targets&) {
  return won_if(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

// What `ps` shows.
int take_other_name(const Targets&) {
  return won_if(::prctl(PR_SET_NAME, "airlockd", 0, 0, 0) == 0);
}

int change_own_death(const Targets&) {
  return won_if(::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0);
}

}  // namespace airlock::hostile
