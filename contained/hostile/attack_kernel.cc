// SPDX-License-Identifier: GPL-2.0-or-later
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <asm/ldt.h>
#endif

#include <csignal>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {

int use_keyring(const Targets&) {
  return won_if(
      ::syscall(SYS_add_key, "user", "airlock-hostile", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0);
}

int make_bpf_map(const Targets&) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return won_if(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes) >= 0);
}

int measure_performance(const Targets&) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  return won_if(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) >= 0);
}

int use_io_uring(const Targets&) {
  io_uring_params parameters{};
  return won_if(::syscall(SYS_io_uring_setup, 1, &parameters) >= 0);
}

// Needs the same right as a reboot, and only says what Control-Alt-Delete should do.
int touch_reboot(const Targets&) {
  return won_if(::syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                          LINUX_REBOOT_CMD_CAD_OFF, nullptr) == 0);
}

// Console level, as it is: a change that changes nothing but needs the right to change.
int read_kernel_log(const Targets&) {
  constexpr int kUnreadSize = 9;
  return won_if(::klogctl(kUnreadSize, nullptr, 0) >= 0);
}

#if defined(__x86_64__)
int change_descriptor_table(const Targets&) {
  user_desc entry{};
  entry.limit = 1;
  entry.seg_32bit = 1;
  entry.useable = 1;
  constexpr int kWrite = 1;
  return won_if(::syscall(SYS_modify_ldt, kWrite, &entry, sizeof entry) == 0);
}

// getpid by its 32-bit number: what a filter of 64-bit numbers might overlook.
int call_as_32_bit(const Targets&) {
  constexpr int kGetPid = 20;
  int outcome = kGetPid;
  asm volatile("int $0x80" : "+a"(outcome) : : "memory", "r8", "r9", "r10", "r11");
  errno = outcome < 0 ? -outcome : 0;
  return won_if(outcome == ::getpid());
}
#endif

// Hide the report of a forbidden call, then make one.
int replace_report(const Targets&) {
  if (::signal(SIGSYS, SIG_IGN) == SIG_ERR) return lost();
  (void)::syscall(SYS_getuid);
  return 0;
}

// A filter whose listener answers calls, and holds whoever made them for as long as it likes.
int answer_own_calls(const Targets&) {
  sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{.len = 1, .filter = &allow};
  return won_if(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                          &program) >= 0);
}

// As serve_only() does it, once more.
int add_filter_to_all_threads(const Targets&) {
  sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{.len = 1, .filter = &allow};
  return won_if(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

// A filter of one's own can lie about the results of calls.
int add_filter(const Targets&) {
  sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{.len = 1, .filter = &allow};
  return won_if(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

}  // namespace airlock::hostile
