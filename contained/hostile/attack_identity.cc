// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {

int become_other_user(const Targets&) {
  return won_if(::setresuid(1, 1, 1) == 0);
}

// The control run is root already and must be able to go away and come back.
int become_root(const Targets&) {
  if (::geteuid() == 0 && ::seteuid(1) != 0) return lost();
  return won_if(::setresuid(0, 0, 0) == 0);
}

int take_group(const Targets&) {
  const std::array<gid_t, 1> group{6};  // disk
  return won_if(::setgroups(group.size(), group.data()) == 0);
}

int regain_capability(const Targets&) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0].effective = data[0].permitted = data[0].inheritable = 1U << CAP_SYS_ADMIN;
  return won_if(::syscall(SYS_capset, &header, data.data()) == 0);
}

// The control run has room below its hard limit; in the sandbox both limits are one.
int raise_limit(const Targets&) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return lost();
  ++limit.rlim_cur;
  limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
  return won_if(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

int overstay_descriptors(const Targets&) {
  constexpr int kTooMany = 200;
  for (int count = 0; count < kTooMany; ++count)
    if (::dup(kControlDescriptor) < 0) return lost();
  return 0;
}

// The test that started this kept many of its own open on purpose.
int use_inherited_descriptor(const Targets&) {
  constexpr int kFar = 1024;
  for (int fd = kControlDescriptor + 1; fd < kFar; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) return 0;
  return lost();
}

}  // namespace airlock::hostile
