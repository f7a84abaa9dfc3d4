// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/containment_report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <sstream>
#include <string_view>
#include <system_error>

#include "daemon/launch/group_home.h"
#include "lib/base/file_text.h"
#include "lib/base/number.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::array kNamespaces = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};

using Fields = std::map<std::string, std::string, std::less<>>;

// Files in /proc have no size, so this bounds the read.
constexpr std::size_t kMostBytes = 16U << 20;

Result<std::string> text_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "open {}", path);
  }
  auto text = read_text(file.borrow(), kMostBytes);
  if (!text) return fail(std::move(text), "{}", path);
  return text;
}

Result<std::string> read_link(const std::string& path) {
  std::array<char, 4096> buffer;
  const ssize_t length = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (length < 0) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "read {}", path);
  }
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

Fields status_fields(const std::string& text) {
  Fields fields;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto value = line.find_first_not_of(" \t", colon + 1);
    fields[line.substr(0, colon)] = value == std::string::npos ? "" : line.substr(value);
  }
  return fields;
}

template <typename Number>
std::vector<Number> numbers(const Fields& fields, std::string_view name, int base) {
  std::vector<Number> found;
  const auto field = fields.find(name);
  if (field == fields.end()) return found;
  std::istringstream words(field->second);
  for (std::string word; words >> word;) {
    Number number{};
    const char* const end = word.data() + word.size();
    if (std::from_chars(word.data(), end, number, base).ptr == end) found.push_back(number);
  }
  return found;
}

// A field that every supported kernel has; a default would let a missing line pass for a good one.
template <typename Number>
Result<Number> number(const Fields& fields, std::string_view name, int base) {
  const auto found = numbers<Number>(fields, name, base);
  if (found.size() != 1) return fail(Errc::kUnsupported, "the kernel does not tell {}", name);
  return found.front();
}

Result<void> read_status(const std::string& folder, ContainmentReport& report) {
  TRY(const auto text, text_of(folder + "/status"));
  const Fields fields = status_fields(text);
  report.user_ids = numbers<uid_t>(fields, "Uid", 10);
  report.group_ids = numbers<gid_t>(fields, "Gid", 10);
  report.supplementary_groups = numbers<gid_t>(fields, "Groups", 10);
  auto& sets = report.capabilities;
  TRY(sets.inheritable, number<std::uint64_t>(fields, "CapInh", 16));
  TRY(sets.permitted, number<std::uint64_t>(fields, "CapPrm", 16));
  TRY(sets.effective, number<std::uint64_t>(fields, "CapEff", 16));
  TRY(sets.bounding, number<std::uint64_t>(fields, "CapBnd", 16));
  TRY(sets.ambient, number<std::uint64_t>(fields, "CapAmb", 16));
  TRY(const int no_new_privileges, number<int>(fields, "NoNewPrivs", 10));
  report.no_new_privileges = no_new_privileges == 1;
  TRY(report.seccomp_mode, number<int>(fields, "Seccomp", 10));
  TRY(report.threads, number<int>(fields, "Threads", 10));
  // Since Linux 5.9.
  report.seccomp_filters = number<int>(fields, "Seccomp_filters", 10).value_or(0);
  return {};
}

Result<void> read_namespaces(const std::string& folder, ContainmentReport& report) {
  for (const std::string name : kNamespaces) {
    TRY(const auto its, read_link(folder + "/ns/" + name));
    TRY(const auto ours, read_link("/proc/self/ns/" + name));
    report.namespaces.push_back({.name = name, .own = its != ours});
  }
  return {};
}

// The options of the mount at "/" are the sixth field of its line.
Result<void> read_mounts(const std::string& folder, ContainmentReport& report) {
  TRY(const auto text, text_of(folder + "/mountinfo"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    ++report.mounts;
    std::istringstream words(line);
    std::array<std::string, 6> fields;
    for (std::string& field : fields) words >> field;
    if (fields[4] == "/")
      report.root_is_read_only = ("," + fields[5] + ",").find(",ro,") != std::string::npos;
  }
  return {};
}

Result<std::vector<std::string>> entries(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  std::vector<std::string> names;
  while (!error && entry != std::filesystem::directory_iterator{}) {
    names.push_back(entry->path().filename());
    entry.increment(error);
  }
  if (error) return fail_errno(error.value(), errc_from_errno(error.value()), "list {}", folder);
  return names;
}

Result<void> read_descriptors(const std::string& folder, ContainmentReport& report) {
  TRY(const auto names, entries(folder + "/fd"));
  for (const std::string& name : names) {
    const auto target = read_link(folder + "/fd/" + name);
    if (!target) continue;  // closed meanwhile
    report.descriptors.push_back({.number = std::atoi(name.c_str()), .target = *target});
  }
  std::ranges::sort(report.descriptors, {}, &ContainmentReport::Descriptor::number);
  return {};
}

// Leaves out the trees without limits and the top group, which can't have any: all processes are
// alike there.
Result<void> read_control_groups(const std::string& folder, ContainmentReport& report) {
  TRY(const auto text, text_of(folder + "/cgroup"));
  const GroupSystem system = GroupSystem::of_this_machine();
  const auto ours = folders_of(system.own_groups, system.mounts);
  for (const GroupFolder& its : folders_of(text, system.mounts)) {
    const bool shared = std::ranges::find(ours, its.path, &GroupFolder::path) != ours.end();
    auto limits = read_group_limits(its);
    if (limits.empty()) continue;
    report.control_groups.push_back(
        {.path = its.path, .own = !shared, .limits = std::move(limits)});
  }
  return {};
}

std::string group_text(const ContainmentReport::ControlGroup& group) {
  std::string text = group.own ? "own" : "SHARED";
  for (const GroupLimit& limit : group.limits)
    text += fmt::format(", {} {}", limit.name, limit.value);
  return text;
}

std::string capabilities_text(const ContainmentReport::Capabilities& sets) {
  if (sets.none()) return "none in any set";
  return fmt::format(
      "inheritable {:x}, permitted {:x}, effective {:x}, bounding {:x}, ambient {:x}",
      sets.inheritable, sets.permitted, sets.effective, sets.bounding, sets.ambient);
}

std::string namespaces_text(const ContainmentReport& report, bool own) {
  std::string text;
  for (const auto& space : report.namespaces)
    if (space.own == own) text += (text.empty() ? "" : " ") + space.name;
  return text.empty() ? "none" : text;
}

std::string root_text(const ContainmentReport& report) {
  if (!report.root_entries) return "can't be listed";
  return fmt::format(
      "{}, {}, {} mount(s) in all",
      *report.root_entries == 0 ? "empty" : fmt::format("{} entries", *report.root_entries),
      report.root_is_read_only ? "read-only" : "WRITABLE", report.mounts);
}

std::string seccomp_text(const ContainmentReport& report) {
  if (report.seccomp_mode != 2) return "OFF";
  return fmt::format("filtering, {} filter(s)", report.seccomp_filters);
}

template <typename Id>
std::string ids_text(const std::vector<Id>& ids) {
  if (std::ranges::adjacent_find(ids, std::ranges::not_equal_to{}) == ids.end() && !ids.empty())
    return fmt::format("{}", ids.front());
  return fmt::format("{}", fmt::join(ids, " "));
}

// What is not as it is meant to be. A user namespace is not to be had everywhere, and one shared
// with a service manager's unit holds nobody who has no capability.
std::string gaps_text(const ContainmentReport& report) {
  std::vector<std::string> gaps;
  if (std::ranges::find(report.user_ids, 0U) != report.user_ids.end()) gaps.emplace_back("is root");
  if (!report.capabilities.none()) gaps.emplace_back("has capabilities");
  if (!report.no_new_privileges) gaps.emplace_back("can get privileges");
  if (report.seccomp_mode != 2) gaps.emplace_back("may make any system call");
  for (const std::string_view name : {"mnt", "net"})
    if (const auto its =
            std::ranges::find(report.namespaces, name, &ContainmentReport::Namespace::name);
        its == report.namespaces.end() || !its->own)
      gaps.push_back(fmt::format("shares the namespace {}", name));
  return fmt::format("{}", fmt::join(gaps, ", "));
}

bool has_connection(const ContainmentReport& report) {
  return std::ranges::any_of(report.descriptors, [](const auto& descriptor) {
    return descriptor.number > STDERR_FILENO && descriptor.target.starts_with("socket:");
  });
}

std::string most_text(const ContainmentReport& report) {
  std::vector<std::string> limits;
  for (const auto& group : report.control_groups)
    for (const GroupLimit& limit : group.limits) {
      const auto value = parse_number<std::uint64_t>(limit.value, 0);
      if (!group.own || !value) continue;
      if (limit.name == "memory.max" || limit.name == "memory.limit_in_bytes")
        limits.push_back(fmt::format("{} MiB of memory", *value >> 20));
      if (limit.name == "pids.max") limits.push_back(fmt::format("{} threads", *value));
    }
  if (limits.empty()) return "what its process limits say; it has no control group of its own";
  return fmt::format("{}", fmt::join(limits, ", "));
}

}  // namespace

Result<ContainmentReport> measure_containment(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  ContainmentReport report{.pid = pid};
  TRY(report.program, read_link(folder + "/exe"));
  TRY_VOID(read_status(folder, report));
  TRY_VOID(read_namespaces(folder, report));
  TRY_VOID(read_mounts(folder, report));
  TRY_VOID(read_descriptors(folder, report));
  TRY_VOID(read_control_groups(folder, report));
  if (const auto names = entries(folder + "/root/"); names) report.root_entries = names->size();
  return report;
}

std::string render(const ContainmentReport& report) {
  std::string text;
  const auto row = [&](std::string_view what, std::string_view fact) {
    text += fmt::format("{:<18} {}\n", what, fact);
  };
  const std::string gaps = gaps_text(report);
  row("can reach", gaps.empty() ? "the descriptors below: no other file, program or network"
                                : "MORE THAN ITS DESCRIPTORS: " + gaps);
  row("can talk to", has_connection(report) ? "whoever is at the other end of its sockets"
                                            : "the kernel, and through its standard error");
  row("can use at most", most_text(report));
  row("process",
      fmt::format("{} {}, {} thread(s)", report.pid, quote(report.program), report.threads));
  row("user, group", fmt::format("{}, {}", ids_text(report.user_ids), ids_text(report.group_ids)));
  row("other groups",
      report.supplementary_groups.empty() ? "none" : ids_text(report.supplementary_groups));
  row("capabilities", capabilities_text(report.capabilities));
  row("new privileges", report.no_new_privileges ? "never" : "POSSIBLE");
  row("seccomp", seccomp_text(report));
  row("landlock", "can't be read from outside");
  row("own namespaces", namespaces_text(report, true));
  row("shared namespaces", namespaces_text(report, false));
  row("root directory", root_text(report));
  if (report.control_groups.empty()) row("control group", "none with limits");
  for (const auto& group : report.control_groups) row("control group", group_text(group));
  for (const auto& descriptor : report.descriptors)
    row(fmt::format("descriptor {}", descriptor.number), quote(descriptor.target));
  return text;
}

}  // namespace airlock
