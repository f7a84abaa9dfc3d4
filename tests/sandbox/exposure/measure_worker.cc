// SPDX-License-Identifier: GPL-2.0-or-later
// Measures what a live worker can do, and prints it the way it is on every machine:
//
//   measure-worker process PID
//   measure-worker worker PROGRAM            one that waits for its first packet
//   measure-worker checker AIRLOCK-CHECK DIRECTORY MEDIUM
//                                            DIRECTORY has a checker that stays with this medium
//   measure-worker maker AIRLOCK-CHECK DIRECTORY MEDIUM
//                                            the same for a program that formats
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/check/checker_run.h"
#include "daemon/launch/call_names.h"
#include "daemon/launch/containment_report.h"
#include "daemon/launch/sandbox_launcher.h"
#include "lib/base/log.h"
#include "lib/base/number.h"
#include "tests/sandbox/exposure/filter_calls.h"

namespace airlock::test {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kSome = 100;

void row(std::string_view what, const std::string& fact) {
  fmt::print("{:<17} {}\n", what, fact);
}

std::string names_of(const std::set<long>& numbers, const std::set<long>& only_some) {
  std::set<std::string> names;
  for (const long number : numbers) {
    const std::string_view name = call_name(number);
    names.insert(fmt::format("{}{}", name.empty() ? fmt::format("{}", number) : name,
                             only_some.contains(number) ? "*" : ""));
  }
  return fmt::format("{}", fmt::join(names, " "));
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The kind of thing behind a descriptor, without what differs from run to run.
std::string kind_of(const std::string& target) {
  if (target.starts_with("pipe:")) return "pipe";
  if (target.starts_with("socket:")) return "socket";
  if (target.starts_with("anon_inode:")) return target.substr(11);
  if (target == "/dev/null" || target == "/dev/fuse") return target;
  return "medium";
}

void print_identity(const ContainmentReport& report) {
  const auto own = [&] {
    for (const uid_t id : report.user_ids)
      if (id != report.user_ids.front()) return false;
    for (const gid_t id : report.group_ids)
      if (id != report.user_ids.front()) return false;
    return report.user_ids.front() >= UserIdRange{}.first && report.supplementary_groups.empty();
  };
  row("user and group", own() ? "one that nobody else has" : "SHARED");
  row("capabilities", report.capabilities.none() ? "none in any set" : "SOME");
  row("new privileges", report.no_new_privileges ? "never" : "POSSIBLE");
}

void print_surroundings(const ContainmentReport& report) {
  std::vector<std::string> own, shared;
  for (const auto& space : report.namespaces) (space.own ? own : shared).push_back(space.name);
  row("namespaces",
      fmt::format("own: {}; shared: {}", fmt::join(own, " "),
                  shared.empty() ? "none" : fmt::format("{}", fmt::join(shared, " "))));
  row("root directory",
      fmt::format("{}, {}, mounts: {}", report.root_entries == 0U ? "empty" : "with libraries",
                  report.root_is_read_only ? "read-only" : "WRITABLE", report.mounts));
  std::vector<std::string> kinds;
  for (const auto& descriptor : report.descriptors)
    kinds.push_back(fmt::format("{} {}", descriptor.number, kind_of(descriptor.target)));
  row("descriptors", fmt::format("{}", fmt::join(kinds, ", ")));
}

void print_limits(const ContainmentReport& report) {
  const std::string limits = text_of(fmt::format("/proc/{}/limits", report.pid));
  for (const std::string_view name :
       {"Max core file size", "Max data size", "Max stack size", "Max processes", "Max open files",
        "Max locked memory", "Max address space"}) {
    const std::size_t at = limits.find(name);
    if (at == std::string::npos) continue;
    const std::string value = limits.substr(at + 26, 20);
    row("limit", fmt::format("{}: {}", name.substr(4), value.substr(0, value.find(' '))));
  }
  if (report.control_groups.empty()) row("control group", "none with limits");
  for (const auto& group : report.control_groups) {
    std::string text = group.own ? "own" : "SHARED";
    for (const GroupLimit& limit : group.limits)
      text += fmt::format(", {} {}", limit.name, limit.value);
    row("control group", text);
  }
}

Result<void> print_calls(const ContainmentReport& report) {
  TRY(const auto filters, filters_of(report.pid));
  row("filters", fmt::format("{}", filters.size()));
  if (filters.empty()) {
    row("system calls", "all");
    return {};
  }
  TRY(const auto tried, try_all_calls(filters));
  row("calls possible",
      fmt::format("{}: {}", tried.possible.size(), names_of(tried.possible, tried.only_some)));
  // Where refusing is the rule, the list would be one of all numbers.
  row("calls refused", tried.refused.size() > kSome ? "all others"
                                                    : fmt::format("{}: {}", tried.refused.size(),
                                                                  names_of(tried.refused, {})));
  row("calls unfiltered",
      fmt::format("{}: {}", tried.unfiltered.size(), names_of(tried.unfiltered, {})));
  return {};
}

Result<void> print(pid_t process) {
  TRY(const auto report, measure_containment(process));
  print_identity(report);
  print_surroundings(report);
  print_limits(report);
  return print_calls(report);
}

bool holds_medium(const ContainmentReport& report) {
  return std::ranges::any_of(report.descriptors, [](const auto& descriptor) {
    return kind_of(descriptor.target) == "medium";
  });
}

Result<pid_t> wait_until(bool (*ready)(const ContainmentReport&),
                         const std::function<std::optional<pid_t>()>& find) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (const auto process = find(); process)
      if (const auto report = measure_containment(*process);
          report && report->seccomp_mode == 2 && ready(*report))
        return *process;
    std::this_thread::sleep_for(10ms);
  }
  return fail(Errc::kTimedOut, "no worker was confined in time");
}

Result<void> measure_waiting(const std::string& program) {
  SandboxLauncher launcher;
  TRY(const auto worker, launcher.start({.program = program}));
  TRY(const auto process, wait_until([](const ContainmentReport&) { return true; },
                                     [&worker] { return worker.pid(); }));
  return print(process);
}

// Children come and go; the one with this program is it.
std::optional<pid_t> process_of(const std::string& program) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto process = parse_number<pid_t>(entry.path().filename().string(), 1);
    if (process && std::filesystem::read_symlink(entry.path() / "exe", error) == program)
      return *process;
  }
  return std::nullopt;
}

Result<void> measure_run(const CheckerPlaces& places, const std::string& medium,
                         const CheckRequest& request, const std::string& name) {
  const int mode = only_reads(request.operation) ? O_RDONLY : O_RDWR;
  const UniqueFd image(::open(medium.c_str(), mode | O_CLOEXEC));
  if (!image.valid()) return fail_errno(errno, Errc::kSystem, "open {}", medium);
  const std::string program = std::filesystem::canonical(places.directories[0] + "/" + name);
  std::jthread run(
      [&] { (void)run_checker(image.borrow(), request, places, deadline_in(kPatience), {}, {}); });
  TRY(const auto process, wait_until(holds_medium, [&program] { return process_of(program); }));
  const auto printed = print(process);
  ::kill(process, SIGKILL);
  return printed;
}

Result<void> run(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "process")
    if (const auto process = parse_number<pid_t>(words[1], 1); process) return print(*process);
  if (words.size() == 2 && words[0] == "worker") return measure_waiting(words[1]);
  if (words.size() == 4 && words[0] == "checker")
    return measure_run({.worker = words[1], .directories = {words[2]}, .own = {}}, words[3],
                       {.operation = CheckOperation::kCheck, .type = "ext4", .label = {}},
                       "e2fsck");
  if (words.size() == 4 && words[0] == "maker")
    return measure_run({.worker = words[1], .directories = {words[2]}, .own = {}}, words[3],
                       {.operation = CheckOperation::kFormat, .type = "ext4", .label = "SPIN"},
                       "mkfs.ext4");
  return fail(Errc::kInvalidArgument, "usage: measure-worker process|worker|checker|maker ...");
}

}  // namespace
}  // namespace airlock::test

int main(int count, char** words) {
  airlock::log_open("measure-worker", airlock::LogLevel::kNotice);
  const auto done = airlock::test::run({words + 1, words + count});
  if (done) return 0;
  airlock::log(airlock::LogLevel::kError, "{}", done.error().message());
  return 1;
}
