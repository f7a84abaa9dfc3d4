// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sandbox/exposure/filter_calls.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "lib/base/defer.h"

namespace airlock::test {
namespace {

constexpr long kNumbers = 1024;  // far beyond the last one
constexpr std::size_t kWords = 12;
constexpr int kHeld = 4000;  // an error that no call gives
constexpr unsigned kEnd = 0x7e57;
const FilterProgram kAllowsAll{BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

// One way to make a call: its number and the halves of its arguments.
struct Attempt {
  long number = 0;
  std::array<std::uint32_t, kWords> words{};

  [[nodiscard]] long argument(std::size_t position) const {
    return static_cast<long>(words[2 * position] | std::uint64_t{words[2 * position + 1]} << 32);
  }
};

// The later, the worse.
enum class Outcome : unsigned char { kNone, kPasses, kRefused, kTrapped };

// --- Which arguments a filter looks for ----------------------------------------------------------

// What is in the accumulator: a number, or the part under the mask of half an argument.
struct Accumulator {
  std::optional<std::size_t> word;
  std::uint32_t mask = ~0U;
  std::uint32_t value = 0;
};

// Walks through a filter on all ways that a call with this number can take. On the way through a
// comparison with an argument it remembers what makes it come out so.
class Walk {
 public:
  Walk(const FilterProgram& program, long number, std::vector<Attempt>& found)
      : program_(program), found_(found) {
    step(0, {}, {.number = number, .words = {}});
  }

 private:
  void load(std::uint32_t offset, const Attempt& way, Accumulator& into) const {
    into = {};
    if (offset == offsetof(seccomp_data, nr)) {
      into.value = static_cast<std::uint32_t>(way.number);
    } else if (offset == offsetof(seccomp_data, arch)) {
      into.value = program_arch();
    } else if (offset >= offsetof(seccomp_data, args)) {
      into.word = (offset - offsetof(seccomp_data, args)) / sizeof(std::uint32_t);
    }
  }

  // The first thing a filter compares is the instruction set it is for.
  [[nodiscard]] std::uint32_t program_arch() const {
    return program_.size() > 1 && BPF_CLASS(program_[1].code) == BPF_JMP ? program_[1].k : 0;
  }

  static bool compare(unsigned operation, std::uint32_t left, std::uint32_t right) {
    switch (operation) {
      case BPF_JEQ:
        return left == right;
      case BPF_JGT:
        return left > right;
      case BPF_JGE:
        return left >= right;
      default:
        return (left & right) != 0;
    }
  }

  // Both ways, each with what leads there as far as a single value can.
  void fork(std::size_t at, const sock_filter& jump, const Accumulator& has, const Attempt& way) {
    Attempt equal = way;
    std::uint32_t& wanted = equal.words[*has.word];
    wanted = (wanted & ~has.mask) | (jump.k & has.mask);
    step(at + 1 + jump.jt, has, equal);
    Attempt other = way;
    if ((other.words[*has.word] & has.mask) == jump.k)
      other.words[*has.word] ^= has.mask & (~has.mask + 1);
    step(at + 1 + jump.jf, has, other);
  }

  // NOLINTNEXTLINE(misc-no-recursion): a filter only jumps forward
  void step(std::size_t at, Accumulator has, Attempt way) {
    for (; at < program_.size(); ++at) {
      const sock_filter& now = program_[at];
      switch (BPF_CLASS(now.code)) {
        case BPF_LD:
          load(now.k, way, has);
          break;
        case BPF_ALU:
          has.mask &= now.k;
          has.value &= now.k;
          break;
        case BPF_JMP:
          if (BPF_OP(now.code) == BPF_JA) {
            at += now.k;
          } else if (has.word) {
            return fork(at, now, has, way);
          } else {
            at += compare(BPF_OP(now.code), has.value, now.k) ? now.jt : now.jf;
          }
          break;
        default:
          found_.push_back(way);
          return;
      }
    }
  }

  const FilterProgram& program_;
  std::vector<Attempt>& found_;
};

std::vector<Attempt> all_attempts(const std::vector<FilterProgram>& filters) {
  std::vector<Attempt> attempts;
  for (long number = 0; number < kNumbers; ++number) {
    attempts.push_back({.number = number, .words = {}});
    for (const FilterProgram& filter : filters) Walk(filter, number, attempts);
  }
  return attempts;
}

// --- Making them ---------------------------------------------------------------------------------

volatile sig_atomic_t trapped = 0;

void on_signal(int) {
  trapped = 1;
}

// Lets only pass what the child needs itself, and what cannot be meant: a filter at this address,
// an end with this code. Everything else gets an error, if no newer filter has something worse.
std::array<sock_filter, 12> holding_filter(const sock_fprog& next) {
  const auto address = reinterpret_cast<std::uintptr_t>(&next);  // NOLINT
  constexpr auto kFirst = offsetof(seccomp_data, args);
  constexpr auto kThird = kFirst + 2 * sizeof(std::uint64_t);
  return {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 9, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFirst),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kEnd, 6, 5),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kThird),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(address), 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kThird + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(address >> 32), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kHeld),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
}

bool install(const sock_fprog& program) {
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

Outcome make(const Attempt& attempt) {
  // Carried out, because the handler returns by it; that it has so far is the answer.
  if (attempt.number == SYS_rt_sigreturn) return Outcome::kPasses;
  trapped = 0;
  errno = 0;
  const long answer =
      ::syscall(attempt.number, attempt.argument(0), attempt.argument(1), attempt.argument(2),
                attempt.argument(3), attempt.argument(4), attempt.argument(5));
  if (trapped != 0) return Outcome::kTrapped;
  return answer == -1 && errno == kHeld ? Outcome::kPasses : Outcome::kRefused;
}

// In a child, which never comes back.
[[noreturn]] void try_behind(const FilterProgram& filter, const std::vector<Attempt>& attempts,
                             Outcome* outcomes) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  for (const int number : {SIGSYS, SIGILL, SIGSEGV}) ::sigaction(number, &action, nullptr);
  std::vector<sock_filter> steps(filter);
  const sock_fprog next{.len = static_cast<unsigned short>(steps.size()), .filter = steps.data()};
  auto holding = holding_filter(next);
  const sock_fprog first{.len = holding.size(), .filter = holding.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !install(first) || !install(next))
    ::_exit(1);
  for (std::size_t i = 0; i < attempts.size(); ++i) outcomes[i] = make(attempts[i]);
  // The filter may forbid this too; that ends it as well.
  ::syscall(SYS_exit_group, kEnd);
  while (true) raise(SIGKILL);
}

// One filter at a time: the newer one of a process need not let the older one be installed.
Result<std::vector<Outcome>> outcomes_behind(const FilterProgram& filter,
                                             const std::vector<Attempt>& attempts) {
  const std::size_t size = attempts.size() * sizeof(Outcome);
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno(errno, Errc::kSystem, "make room for the answers");
  const Defer unmap([memory, size] { (void)::munmap(memory, size); });
  auto* const outcomes = static_cast<Outcome*>(memory);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, Errc::kSystem, "fork");
  if (child == 0) try_behind(filter, attempts, outcomes);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return fail_errno(errno, Errc::kSystem, "wait");
  std::vector<Outcome> all(outcomes, outcomes + attempts.size());
  if (std::ranges::find(all, Outcome::kNone) != all.end())
    return fail(Errc::kSystem, "the child ended before it had tried every call ({})", status);
  return all;
}

}  // namespace

Result<std::vector<FilterProgram>> filters_of(pid_t process) {
  if (::ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0)
    return fail_errno(errno, Errc::kSystem, "look into process {}", process);
  int status = 0;
  const Defer let_go([process] { (void)::ptrace(PTRACE_DETACH, process, nullptr, nullptr); });
  if (::ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr) != 0 ||
      ::waitpid(process, &status, __WALL) != process)
    return fail_errno(errno, Errc::kSystem, "stop process {}", process);
  std::vector<FilterProgram> filters;
  while (true) {
    const auto index = static_cast<unsigned long>(filters.size());
    const long length = ::ptrace(PTRACE_SECCOMP_GET_FILTER, process, index, nullptr);
    if (length < 0 && (errno == ENOENT || errno == EINVAL)) return filters;
    if (length < 0) return fail_errno(errno, Errc::kSystem, "read filter {}", index);
    filters.emplace_back(static_cast<std::size_t>(length));
    if (::ptrace(PTRACE_SECCOMP_GET_FILTER, process, index, filters.back().data()) != length)
      return fail_errno(errno, Errc::kSystem, "read filter {}", index);
  }
}

Result<TriedCalls> try_all_calls(const std::vector<FilterProgram>& filters) {
  const std::vector<Attempt> attempts = all_attempts(filters);
  std::vector<Outcome> worst(attempts.size(), Outcome::kPasses);
  for (const FilterProgram& filter : filters) {
    TRY(const auto outcomes, outcomes_behind(filter, attempts));
    for (std::size_t i = 0; i < attempts.size(); ++i) worst[i] = std::max(worst[i], outcomes[i]);
  }
  // What even the holding filter does not hold.
  TRY(const auto held_only, outcomes_behind(kAllowsAll, attempts));
  TriedCalls tried;
  std::set<long> held;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const long number = attempts[i].number;
    if (held_only[i] != Outcome::kPasses) {
      tried.unfiltered.insert(number);
    } else if (worst[i] == Outcome::kPasses) {
      tried.possible.insert(number);
    } else {
      held.insert(number);
      if (worst[i] == Outcome::kRefused) tried.refused.insert(number);
    }
  }
  std::ranges::set_intersection(tried.possible, held,
                                std::inserter(tried.only_some, tried.only_some.end()));
  for (const long number : tried.possible) tried.refused.erase(number);
  return tried;
}

}  // namespace airlock::test
