// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every attack of contained/hostile, run three times: held by nothing it must win, which shows
// that the attack is real; in the sandbox it must lose, with the filter and, where something else
// stops it too, without. An attack that this machine makes impossible is named in the output.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>

#include "contained/hostile/attack.h"
#include "daemon/launch/sandbox_launcher.h"
#include "tests/sandbox/control_judgement.h"
#include "tests/sandbox/hostile_runner.h"

namespace airlock::test {
namespace {

using hostile::StoppedBy;

struct AttackCase {
  std::string_view name;
  StoppedBy stopped_by;
};

constexpr auto kAttacks = std::to_array<AttackCase>({
#define AIRLOCK_ATTACK(name, stopped_by) {#name, StoppedBy::stopped_by},
#include "contained/hostile/attacks.inc"
#undef AIRLOCK_ATTACK
});

// Somebody to harm and somebody to talk to, outside of every sandbox.
class Outside {
 public:
  Outside()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("airlock-{}", ::getpid())),
        abstract_name_(fmt::format("airlock-test-{}", ::getpid())) {
    std::filesystem::create_directory(folder_);
    listen_unix(path(), 0);
    listen_unix(abstract_name_, 1);
    listen_inet();
    victim_ = ::fork();
    if (victim_ == 0)
      while (true) ::pause();
  }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside() {
    ::kill(victim_, SIGKILL);
    ::waitpid(victim_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::vector<std::string> targets() const {
    return {std::to_string(victim_), path(), abstract_name_, std::to_string(port_)};
  }

 private:
  [[nodiscard]] std::string path() const { return folder_ / "socket"; }

  void listen_at(UniqueFd socket, const void* address, socklen_t length) {
    if (::bind(socket.get(), static_cast<const sockaddr*>(address), length) != 0 ||
        ::listen(socket.get(), 100) != 0)
      throw std::runtime_error("can't listen");
    listeners_.push_back(std::move(socket));
  }

  void listen_unix(const std::string& name, std::size_t offset) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + offset, sizeof address.sun_path - offset - 1);
    const auto length = offsetof(sockaddr_un, sun_path) + offset + name.size();
    listen_at(UniqueFd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}, &address,
              static_cast<socklen_t>(length));
  }

  void listen_inet() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_at(UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, &address, sizeof address);
    socklen_t length = sizeof address;
    // NOLINTNEXTLINE: that is how the interface is
    ::getsockname(listeners_.back().get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }

  std::filesystem::path folder_;
  std::string abstract_name_;
  std::vector<UniqueFd> listeners_;
  unsigned short port_ = 0;
  pid_t victim_ = -1;
};

// Without any sandbox, but where mounting and host names can do no harm.
[[noreturn]] void become_bare_driver(int channel, std::vector<std::string> words) {
  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) != 0) ::_exit(1);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
  ::dup2(channel, 3);
  // There must be room for the attacks on limits to win.
  const rlimit many{.rlim_cur = 1000, .rlim_max = 1024};
  ::setrlimit(RLIMIT_NOFILE, &many);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(HOSTILE_DRIVER, pointers.data());
  ::_exit(1);
}

ControlEnd attack_bare(std::string_view how, std::string_view name,
                       const std::vector<std::string>& targets) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("socketpair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<std::string> words{"airlock-hostile", std::string(how), std::string(name)};
  words.insert(words.end(), targets.begin(), targets.end());
  const pid_t driver = ::fork();
  if (driver == 0) become_bare_driver(theirs.get(), words);
  theirs.reset();
  ControlEnd end{.answer = next_packet(ours.borrow()).value_or("nothing")};
  // One that reports a fault is about to die of it.
  if (!end.answer.starts_with("fault")) ::kill(driver, SIGKILL);
  int status = 0;
  ::waitpid(driver, &status, 0);
  if (WIFSIGNALED(status)) end.signal_number = WTERMSIG(status);
  return end;
}

void say_impossible(std::string_view name) {
  fmt::print("IMPOSSIBLE on this machine: {}: int $0x80 raises SIGSEGV without any sandbox\n",
             name);
}

struct AttackEnd {
  std::string answer;  // empty: it did not live to give one
  ExitCause cause;
};

AttackEnd attack_sandboxed(std::string_view how, std::string_view name,
                           const std::vector<std::string>& targets,
                           ControlGroup group = ControlGroup::kWhereItCanBeHad) {
  SandboxSpec spec = hostile_spec(how, name, targets);
  spec.control_group = group;
  SandboxLauncher launcher;
  auto started = launcher.start(spec);
  if (!started) throw std::runtime_error(started.error().message());
  Worker& worker = *started;
  AttackEnd end{.answer = next_packet(worker.control()).value_or(""), .cause = {}};
  const auto cause = worker.wait(kPatience);
  if (!cause) throw std::runtime_error(cause.error().message());
  end.cause = *cause;
  return end;
}

class HostileTest : public testing::TestWithParam<AttackCase> {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0U) << "these tests run as root"; }

  // Some of ours without close-on-exec, for the attack that looks for them.
  std::array<UniqueFd, 8> inheritable_ = {
      UniqueFd{::open("/dev/null", O_RDONLY)}, UniqueFd{::open("/dev/null", O_RDONLY)},
      UniqueFd{::open("/dev/null", O_RDONLY)}, UniqueFd{::open("/dev/null", O_RDONLY)},
      UniqueFd{::open("/dev/null", O_RDONLY)}, UniqueFd{::open("/dev/null", O_RDONLY)},
      UniqueFd{::open("/dev/null", O_RDONLY)}, UniqueFd{::open("/dev/null", O_RDONLY)}};
  Outside outside_;

  // Says so, and that it ended the same way inside, if its control run shows that.
  bool impossible_here(const AttackEnd& end) {
    const std::string_view name = GetParam().name;
    if (name != "call_as_32_bit") return false;
    const ControlEnd control = attack_bare("bare", name, outside_.targets());
    if (judge_control(name, control) != Control::kImpossible) return false;
    say_impossible(name);
    EXPECT_EQ(end.answer, "");
    EXPECT_EQ(end.cause.kind, ExitCause::Kind::kKilled) << end.cause.describe();
    EXPECT_EQ(end.cause.signal_number, SIGSEGV) << end.cause.describe();
    return true;
  }
};

// For those that only the control group stops. In the sandbox without it they must win.
void expect_the_group_stops(std::string_view how, std::string_view name,
                            const std::vector<std::string>& targets) {
  const AttackEnd without = attack_sandboxed(how, name, targets, ControlGroup::kNever);
  EXPECT_EQ(without.answer, "won") << without.cause.describe();
  if (!is_possible_here()) return;
  const AttackEnd with = attack_sandboxed(how, name, targets);
  EXPECT_EQ(with.answer, "");
  EXPECT_EQ(with.cause.describe(), "ran out of memory");
}

TEST_P(HostileTest, RunAsRootWinsWhenNothingHoldsIt) {
  const ControlEnd end = attack_bare("bare", GetParam().name, outside_.targets());
  const Control judged = judge_control(GetParam().name, end);
  if (judged == Control::kImpossible) return say_impossible(GetParam().name);
  EXPECT_EQ(judged, Control::kWins) << end.answer << ", signal " << end.signal_number;
}

// In the same sandbox without the second filter it must win.
void expect_the_goodbye_stops(std::string_view name, const std::vector<std::string>& targets) {
  EXPECT_EQ(attack_sandboxed("confined", name, targets).answer, "won");
  const AttackEnd end = attack_sandboxed("serving", name, targets);
  EXPECT_EQ(end.answer, "");
  EXPECT_EQ(end.cause.kind, ExitCause::Kind::kForbiddenCall) << end.cause.describe();
}

TEST_P(HostileTest, RunAsRootLosesWhenConfined) {
  if (GetParam().stopped_by == StoppedBy::kGoodbye)
    return expect_the_goodbye_stops(GetParam().name, outside_.targets());
  if (GetParam().stopped_by == StoppedBy::kControlGroup)
    return expect_the_group_stops("confined", GetParam().name, outside_.targets());
  const AttackEnd end = attack_sandboxed("confined", GetParam().name, outside_.targets());
  if (impossible_here(end)) return;
  // It was told no, or it was ended for asking; ending in any other way proves nothing.
  if (end.answer.empty())
    EXPECT_EQ(end.cause.kind, ExitCause::Kind::kForbiddenCall) << end.cause.describe();
  else
    EXPECT_TRUE(end.answer.starts_with("lost ")) << end.answer;
}

TEST_P(HostileTest, RunAsRootLosesWithoutTheFilterToo) {
  if (GetParam().stopped_by == StoppedBy::kControlGroup)
    return expect_the_group_stops("unfiltered", GetParam().name, outside_.targets());
  const AttackEnd end = attack_sandboxed("unfiltered", GetParam().name, outside_.targets());
  if (impossible_here(end)) return;
  if (GetParam().stopped_by == StoppedBy::kNamespacesToo)
    EXPECT_TRUE(end.answer.starts_with("lost ")) << end.answer << " " << end.cause.describe();
  else  // harmless there; that it still answers shows that it was not stopped by accident
    EXPECT_FALSE(end.answer.empty()) << end.cause.describe();
}

bool can_be_shown(const AttackCase& attack) {
#if defined(__SANITIZE_ADDRESS__)
  // The sanitizer's shadow memory leaves no memory limit to test, and it protects as it likes.
  return attack.name != "overstay_memory" && attack.name != "make_read_only" &&
         attack.stopped_by != StoppedBy::kControlGroup;
#else
  (void)attack;
  return true;
#endif
}

// How gtest prints a parameter.
void PrintTo(const AttackCase& attack, std::ostream* out) {
  *out << attack.name;
}

std::vector<AttackCase> all_attacks() {
  std::vector<AttackCase> shown;
  for (const AttackCase& attack : kAttacks)
    if (can_be_shown(attack)) shown.push_back(attack);
  return shown;
}

#if defined(__x86_64__)
TEST(ControlRun, RunAsRootAMachineWithout32BitCallsIsFoundOut) {
  const std::vector<std::string> nobody{"0", "", "", "0"};
  const ControlEnd end = attack_bare("closed-gate", "call_as_32_bit", nobody);
  EXPECT_EQ(end.answer, "fault cd80");
  EXPECT_EQ(end.signal_number, SIGSEGV);
  EXPECT_EQ(judge_control("call_as_32_bit", end), Control::kImpossible);
  // Nothing else is impossible there.
  const ControlEnd other = attack_bare("closed-gate", "change_descriptor_table", nobody);
  EXPECT_EQ(judge_control("change_descriptor_table", other), Control::kWins) << other.answer;
}

TEST(ControlRun, RunAsRootAnotherFaultExcusesNothing) {
  const ControlEnd end = attack_bare("bare", "fault", {"0", "", "", "0"});
  EXPECT_EQ(end.signal_number, SIGSEGV);
  EXPECT_TRUE(end.answer.starts_with("fault ")) << end.answer;
  EXPECT_EQ(judge_control("call_as_32_bit", end), Control::kFails);
}
#endif

TEST(ControlRun, OnlyThatOneFindingExcuses) {
  const ControlEnd finding{.answer = "fault cd80", .signal_number = SIGSEGV};
  EXPECT_EQ(judge_control("call_as_32_bit", finding), Control::kImpossible);
  EXPECT_EQ(judge_control("map_executable", finding), Control::kFails);
  EXPECT_EQ(judge_control("call_as_32_bit", {"fault cd80", SIGKILL}), Control::kFails);
  EXPECT_EQ(judge_control("call_as_32_bit", {"fault cd81", SIGSEGV}), Control::kFails);
  EXPECT_EQ(judge_control("call_as_32_bit", {"nothing", SIGSEGV}), Control::kFails);
  EXPECT_EQ(judge_control("call_as_32_bit", {"lost 38", 0}), Control::kFails);
  EXPECT_EQ(judge_control("call_as_32_bit", {"won", SIGKILL}), Control::kWins);
}

INSTANTIATE_TEST_SUITE_P(Attack, HostileTest, testing::ValuesIn(all_attacks()),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace airlock::test
