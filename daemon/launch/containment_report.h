// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "lib/base/error.h"

namespace airlock {

// How a live process is contained, measured from /proc and not from our intentions: the answer to
// "is it really contained?". Measuring needs root, because a worker is not dumpable. The result is
// a snapshot; use a pidfd to be sure that the process is still the one you mean.
struct ContainmentReport {
  struct Namespace {
    std::string name;  // "mnt", "pid", ...
    bool own = false;  // not the one we are in
  };
  struct Descriptor {
    int number = -1;
    std::string target;  // "/dev/sdb1", "socket:[123]", as the kernel reports it; foreign text
  };
  struct Capabilities {
    std::uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;
    [[nodiscard]] bool none() const {
      return (inheritable | permitted | effective | bounding | ambient) == 0;
    }
  };

  // Its place in the trees of control groups that have limits.
  struct ControlGroup {
    std::string path;
    bool own = false;  // not the one we are in
    std::vector<GroupLimit> limits;
  };

  pid_t pid = -1;
  std::string program;
  std::vector<uid_t> user_ids;   // real, effective, saved, filesystem
  std::vector<gid_t> group_ids;  // likewise
  std::vector<gid_t> supplementary_groups;
  Capabilities capabilities;
  bool no_new_privileges = false;
  int seccomp_mode = 0;  // 2 is a filter
  int seccomp_filters = 0;
  int threads = 0;
  std::vector<Namespace> namespaces;
  int mounts = 0;  // in its mount namespace
  bool root_is_read_only = false;
  std::optional<std::size_t> root_entries;  // how many entries its root directory has
  std::vector<Descriptor> descriptors;
  std::vector<ControlGroup> control_groups;
};

Result<ContainmentReport> measure_containment(pid_t pid);

// A table for people, one fact per line, after three lines in plain words. It says that Landlock
// can't be read from outside.
std::string render(const ContainmentReport& report);

}  // namespace airlock
