// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/sandbox_launcher.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "daemon/launch/sandbox_child.h"
#include "daemon/launch/worker_cgroup.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::chrono::milliseconds kSetupDeadline{10'000};

// The namespaces that a worker must have. A user namespace is added where the kernel allows it.
struct RequiredNamespace {
  std::uint64_t flag;
  const char* file;  // exists if the kernel has this kind
};
constexpr std::array<RequiredNamespace, 6> kRequiredNamespaces{{
    {CLONE_NEWNS, "/proc/self/ns/mnt"},
    {CLONE_NEWPID, "/proc/self/ns/pid"},
    {CLONE_NEWNET, "/proc/self/ns/net"},
    {CLONE_NEWIPC, "/proc/self/ns/ipc"},
    {CLONE_NEWUTS, "/proc/self/ns/uts"},
    {CLONE_NEWCGROUP, "/proc/self/ns/cgroup"},
}};

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};

struct Cloned {
  pid_t pid = -1;
  UniqueFd life;
  bool has_user_namespace = false;
};

Result<Pair> make_channel(std::string_view purpose) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, Errc::kSystem, "make the {} channel", purpose);
  return Pair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// A worker has no descriptor to give us, so tell the kernel to deliver none (since Linux 6.16;
// before, the channel must close those that arrive).
void refuse_descriptors(BorrowedFd control) {
  constexpr int kSocketPassRights = 83;  // SO_PASSRIGHTS; older headers lack the name
  const int refuse = 0;
  (void)::setsockopt(control.get(), SOL_SOCKET, kSocketPassRights, &refuse, sizeof refuse);
}

// Neither end waits for the other: a worker that writes endlessly loses lines, not time.
Result<Pair> make_log() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return fail_errno(errno, Errc::kSystem, "make the log pipe");
  return Pair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

Result<UniqueFd> open_program(const std::string& path) {
  UniqueFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!program.valid()) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "open {}", quote(path));
  }
  struct stat status{};
  if (::fstat(program.get(), &status) != 0)
    return fail_errno(errno, Errc::kSystem, "look at {}", quote(path));
  if (!S_ISREG(status.st_mode))
    return fail(Errc::kInvalidArgument, "{} is not a program", quote(path));
  return program;
}

std::vector<char*> c_vector(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A starter may have inherited SIG_IGN for SIGCHLD; the kernel would then discard how the worker
// ended. The default ignores the signal too, but keeps the cause.
void keep_causes() {
  struct sigaction action{};
  if (::sigaction(SIGCHLD, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) return;
  (void)::signal(SIGCHLD, SIG_DFL);
}

int clone_child(std::uint64_t namespaces, const ChildPlan& plan, Cloned& cloned) {
  int life = -1;
  clone_args arguments{};
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&life);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) run_sandbox_child(plan);
  if (pid < 0) return errno;
  cloned.pid = static_cast<pid_t>(pid);
  cloned.life = UniqueFd{life};
  return 0;
}

std::unexpected<Error> explain_refusal(int error_number) {
  for (const auto& required : kRequiredNamespaces)
    if (::access(required.file, F_OK) != 0)
      return fail(Errc::kUnsupported, "this kernel has no {}: a worker can't be contained",
                  required.file);
  if (error_number == EPERM)
    return fail_errno(error_number, Errc::kNotPermitted,
                      "make new namespaces for a worker (this needs root)");
  return fail_errno(error_number, Errc::kSystem, "make new namespaces for a worker");
}

// Uses a user namespace if possible. Kernels refuse one in several ways (switched off, count limit,
// a security module), so any refusal leads to one more attempt without.
Result<Cloned> clone_worker(const SandboxSpec& spec, const ChildPlan& plan) {
  std::uint64_t namespaces = 0;
  for (const auto& required : kRequiredNamespaces) namespaces |= required.flag;
  Cloned cloned;
  if (spec.user_namespace == UserNamespace::kWhereAllowed &&
      clone_child(namespaces | CLONE_NEWUSER, plan, cloned) == 0) {
    cloned.has_user_namespace = true;
    return cloned;
  }
  if (const int error = clone_child(namespaces, plan, cloned); error != 0)
    return explain_refusal(error);
  return cloned;
}

Result<uid_t> choose_user_id(const SandboxSpec& spec, pid_t pid) {
  if (spec.user_id) return *spec.user_id;
  if (static_cast<uid_t>(pid) >= spec.user_ids.count)
    return fail(Errc::kLimitExceeded, "process id {} is beyond the range of user ids ({})", pid,
                spec.user_ids.count);
  return spec.user_ids.first + static_cast<uid_t>(pid);
}

Result<void> write_process_file(pid_t pid, std::string_view name, std::string_view text) {
  const std::string path = fmt::format("/proc/{}/{}", pid, name);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return fail_errno(errno, Errc::kSystem, "open {}", path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(errno, Errc::kSystem, "write {}", path);
  return {};
}

// The namespace knows one user and one group, under the same numbers as outside, so that nobody is
// ever mistaken for root on either side.
Result<void> map_user(pid_t pid, uid_t id) {
  const std::string map = fmt::format("{} {} 1\n", id, id);
  TRY_VOID(write_process_file(pid, "uid_map", map));
  return write_process_file(pid, "gid_map", map);
}

Result<void> tell(BorrowedFd sync, uid_t user_id) {
  const StarterWord word{.user_id = user_id};
  if (::send(sync.get(), &word, sizeof word, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof word))
    return fail_errno(errno, Errc::kWorkerDied, "talk to the new worker");
  return {};
}

// A report, or nothing if the other end closed: exec succeeded or the worker is dead.
Result<std::optional<ChildReport>> hear(BorrowedFd sync) {
  pollfd waiting{.fd = sync.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(kSetupDeadline.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return fail_errno(errno, Errc::kSystem, "wait for the new worker");
  if (ready == 0) return fail(Errc::kTimedOut, "the new worker is stuck in its set-up");
  ChildReport report{};
  const ssize_t length = ::recv(sync.get(), &report, sizeof report, 0);
  if (length < 0) return fail_errno(errno, Errc::kSystem, "hear from the new worker");
  if (length == 0) return std::nullopt;
  if (length != static_cast<ssize_t>(sizeof report))
    return fail(Errc::kSystem, "the new worker sent an invalid report");
  return report;
}

std::unexpected<Error> setup_failure(ChildReport report) {
  return fail_errno(report.error_number, Errc::kSystem, "the new worker could not {}",
                    child_step_text(report.step));
}

Result<void> see_through_setup(Worker& worker, BorrowedFd sync) {
  TRY_VOID(tell(sync, worker.uid()));
  TRY(const auto prepared, hear(sync));
  if (!prepared) return fail(Errc::kWorkerDied, "the new worker ended during its set-up");
  if (prepared->step != ChildStep::kReady) return setup_failure(*prepared);
  TRY_VOID(tell(sync, worker.uid()));
  TRY(const auto executed, hear(sync));
  if (executed) return setup_failure(*executed);
  return {};
}

}  // namespace

Result<Worker> SandboxLauncher::start(const SandboxSpec& spec) {
  if (spec.user_id == uid_t{0}) return fail(Errc::kInvalidArgument, "a worker never runs as root");
  TRY(const UniqueFd program, open_program(spec.program));
  TRY(Pair control, make_channel("control"));
  TRY(Pair sync, make_channel("set-up"));
  TRY(Pair log, make_log());
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null.valid()) return fail_errno(errno, Errc::kSystem, "open /dev/null");
  refuse_descriptors(control.ours.borrow());

  std::vector<std::string> arguments = spec.arguments;
  if (arguments.empty()) arguments.push_back(spec.program);
  // The worker is process 1 in its own namespace.
  std::vector<std::string> environment{"LISTEN_FDS=1", "LISTEN_PID=1"};
  const std::vector<char*> argument_pointers = c_vector(arguments);
  const std::vector<char*> environment_pointers = c_vector(environment);
  const ChildPlan plan{.sync = sync.theirs.get(),
                       .control = control.theirs.get(),
                       .log = log.theirs.get(),
                       .null = null.get(),
                       .program = program.get(),
                       .lent = spec.lent.get(),
                       .arguments = argument_pointers.data(),
                       .environment = environment_pointers.data(),
                       .limits = spec.limits};
  WorkerCgroup group;
  if (spec.control_group == ControlGroup::kWhereItCanBeHad) group = WorkerCgroup::make(spec.limits);
  keep_causes();
  TRY(Cloned cloned, clone_worker(spec, plan));
  sync.theirs.reset();
  const pid_t pid = cloned.pid;
  // The child has done almost nothing yet, and waits for our word.
  group.admit(pid);
  const bool has_user_namespace = cloned.has_user_namespace;
  const auto user_id = choose_user_id(spec, pid);
  Worker worker(Worker::Parts{.pid = pid,
                              .uid = user_id.value_or(0),
                              .control = std::move(control.ours),
                              .life = std::move(cloned.life),
                              .log = std::move(log.ours),
                              .has_user_namespace = has_user_namespace,
                              .group = std::move(group)});
  if (!user_id) return std::unexpected(user_id.error());
  if (has_user_namespace) TRY_VOID(map_user(pid, *user_id));
  // When memory runs out, workers go first, even if the daemon is protected.
  const std::string oom_score = fmt::format("{}\n", every_worker::oom_score);
  TRY_VOID(write_process_file(pid, "oom_score_adj", oom_score));
  if (auto ready = see_through_setup(worker, sync.ours.borrow()); !ready)
    return fail(std::move(ready), "start {}", quote(spec.program));
  return worker;
}

}  // namespace airlock
