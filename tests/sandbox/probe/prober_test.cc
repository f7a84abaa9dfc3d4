// SPDX-License-Identifier: GPL-2.0-or-later
//
// The whole way from the daemon's loop to a contained worker and back: with the real worker, and
// with one that does whatever the medium tells it to. However it ends, there is one typed answer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/launch/containment_report.h"
#include "daemon/probe/sandbox_prober.h"
#include "tests/unit/fakes/fake_prober.h"
#include "tests/unit/fakes/file_here.h"

namespace airlock::test {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only
namespace fs = std::filesystem;

constexpr auto kPatience = 60s;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Processes below one of ours, found through /proc.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& task : fs::directory_iterator(fmt::format("/proc/{}/task", parent))) {
    std::ifstream list(task.path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

// A process that has ended may wait a while for whoever reaps orphans.
bool runs(pid_t process) {
  const std::string status = text_of(fmt::format("/proc/{}/stat", process));
  const auto name_end = status.rfind(") ");
  return name_end != std::string::npos && status.substr(name_end + 2, 1) != "Z";
}

class ProberTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0U) << "these tests run as root"; }
  void TearDown() override { fs::remove_all(folder_); }

  EventLoop loop_ = EventLoop::create().value();
  const fs::path folder_ = [] {
    std::string pattern = fs::temp_directory_path() / "airlock-probe-XXXXXX";
    return fs::path(::mkdtemp(pattern.data()));
  }();

  SandboxProber prober(const char* program, ProbeLimits limits = {}, std::size_t at_once = 8,
                       std::size_t waiting = 1024) {
    return SandboxProber(
        loop_,
        {.program = program, .limits = limits, .most_at_once = at_once, .most_waiting = waiting});
  }

  ProbeTarget image(const std::string& content, int flags = O_RDONLY) {
    const fs::path path = folder_ / fmt::format("image{}", ++images_);
    std::ofstream(path, std::ios::binary) << content;
    fs::resize_file(path, std::max<std::uintmax_t>(content.size(), 65536));
    return {.path = path, .image = file_here(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)))};
  }

  template <typename Condition>
  bool run_until(Condition condition, std::chrono::milliseconds at_most = kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      (void)loop_.run_once(20ms);
    }
    return true;
  }

  Result<ProbeRecord> answer_of(Prober& prober, const ProbeTarget& target) {
    std::vector<Result<ProbeRecord>> answers;
    const auto pending =
        prober.probe(target, [&](Result<ProbeRecord> answer) { answers.push_back(answer); });
    EXPECT_TRUE(answers.empty()) << "answered within the call";
    EXPECT_TRUE(run_until([&] { return !answers.empty(); })) << "no answer at all";
    while (loop_.run_once(0ms).value_or(false)) {
    }
    if (answers.size() != 1) return fail(Errc::kSystem, "{} answers", answers.size());
    return answers.front();
  }

  // What the daemon is told about a worker that does this.
  Result<ProbeRecord> after(const std::string& deed, ProbeLimits limits = {.deadline = 5s}) {
    SandboxProber prober = this->prober(ODD_PROBE, limits);
    return answer_of(prober, image(deed + "\n"));
  }

  // The contained worker of a probe in progress.
  std::optional<pid_t> worker() {
    for (const pid_t errand : children_of(::getpid()))
      for (const pid_t worker : children_of(errand))
        if (text_of(fmt::format("/proc/{}/cmdline", worker)).starts_with("airlock-probe"))
          return worker;
    return std::nullopt;
  }

 private:
  int images_ = 0;
};

void expect_error(const Result<ProbeRecord>& answer, Errc code, std::string_view words) {
  ASSERT_FALSE(answer) << "it was believed: " << answer->type;
  EXPECT_EQ(answer.error().code, code) << answer.error().message();
  EXPECT_NE(answer.error().message().find(words), std::string::npos) << answer.error().message();
}

TEST_F(ProberTest, RunAsRootAnEmptyMediumIsARecordOfNothing) {
  SandboxProber prober = this->prober(AIRLOCK_PROBE);
  const auto answer = answer_of(prober, image(""));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, ProbeRecord{});
}

TEST_F(ProberTest, RunAsRootTheOddWorkerCanAlsoBehave) {
  const auto answer = after("behave");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->type, "ext4");
}

TEST_F(ProberTest, RunAsRootAWorkerThatDiesIsSaidToHaveDiedAndOfWhat) {
  expect_error(after("fault"), Errc::kWorkerDied, "was killed by SIGSEGV");
  expect_error(after("abort"), Errc::kWorkerDied, "was killed by SIGABRT");
  expect_error(after("leave"), Errc::kWorkerDied, "exited with code 0");
  expect_error(after("call out"), Errc::kWorkerDied, "tried the forbidden system call socket");
#if !defined(__SANITIZE_ADDRESS__)  // there is no memory limit with it
  expect_error(after("eat memory"), Errc::kWorkerDied, "ran out of memory");
#endif
}

TEST_F(ProberTest, RunAsRootItsLastWordsAreQuoted) {
  const auto answer = after("complain");
  expect_error(answer, Errc::kWorkerDied, "exited with code 3; the last it said: \"it \\xe2");
  EXPECT_EQ(answer.error().message().find('\x1b'), std::string::npos);
}

TEST_F(ProberTest, RunAsRootAWorkerThatHangsIsKilledAtItsDeadline) {
  for (const char* deed : {"hang", "spin"}) {
    const auto start = std::chrono::steady_clock::now();
    expect_error(after(deed, {.deadline = 300ms}), Errc::kTimedOut, "no answer within 300 ms");
    EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience / 2);  // it would never end
    EXPECT_EQ(worker(), std::nullopt);
  }
  expect_error(after("answer and stay"), Errc::kTimedOut, "did not end");
  expect_error(after("hang up and stay"), Errc::kProtocol, "hung up");
  EXPECT_EQ(worker(), std::nullopt);
}

TEST_F(ProberTest, RunAsRootALiarIsNotBelieved) {
  expect_error(after("answer little"), Errc::kProtocol, "invalid answer: 3 bytes");
  expect_error(after("answer much"), Errc::kProtocol, "invalid answer: a packet of 70000 bytes");
  expect_error(after("answer zeros"), Errc::kProtocol, "invalid answer: it is no reply");
  expect_error(after("answer a path"), Errc::kProtocol, "invalid answer: a type with a character");
  expect_error(after("answer and fault"), Errc::kWorkerDied, "SIGSEGV");
}

TEST_F(ProberTest, RunAsRootMoreThanOneAnswerChangesNothing) {
  const auto answer = after("answer twice");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->type, "ext4");
}

TEST_F(ProberTest, RunAsRootNoDescriptorComesInWithTheAnswer) {
  ASSERT_TRUE(after("behave"));  // the loop makes its timer when it is needed first
  const auto before = std::distance(fs::directory_iterator("/proc/self/fd"), {});
  // Kernels that can refuse descriptors fail the worker's send; older ones drop them here.
  (void)after("send the medium back");
  EXPECT_EQ(std::distance(fs::directory_iterator("/proc/self/fd"), {}), before);
}

TEST_F(ProberTest, RunAsRootAFloodOfWordsHoldsNothingUp) {
  const auto answer = after("flood");
  EXPECT_TRUE(answer) << answer.error().message();
}

TEST_F(ProberTest, RunAsRootARefusalComesWithItsReasonQuoted) {
  expect_error(after("refuse"), Errc::kIo, "airlock-probe says \"no\\x0a\\x1b[31m");
}

TEST_F(ProberTest, RunAsRootAWorkerKilledFromOutsideIsNoticed) {
  SandboxProber prober = this->prober(ODD_PROBE);
  std::optional<Result<ProbeRecord>> answer;
  const auto pending =
      prober.probe(image("hang\n"), [&](Result<ProbeRecord> got) { answer = std::move(got); });
  ASSERT_TRUE(run_until([&] { return worker().has_value(); }));
  ::kill(*worker(), SIGKILL);
  ASSERT_TRUE(run_until([&] { return answer.has_value(); }));
  expect_error(*answer, Errc::kWorkerDied, "was killed by SIGKILL");
}

TEST_F(ProberTest, RunAsRootAnErrandKilledFromOutsideTakesItsWorkerAlong) {
  SandboxProber prober = this->prober(ODD_PROBE);
  std::optional<Result<ProbeRecord>> answer;
  const auto pending =
      prober.probe(image("hang\n"), [&](Result<ProbeRecord> got) { answer = std::move(got); });
  ASSERT_TRUE(run_until([&] { return worker().has_value(); }));
  const pid_t contained = *worker();
  for (const pid_t errand : children_of(::getpid())) ::kill(errand, SIGKILL);
  ASSERT_TRUE(run_until([&] { return answer.has_value(); }));
  expect_error(*answer, Errc::kWorkerDied, "ended without an answer");
  EXPECT_TRUE(run_until([&] { return !runs(contained); }));
}

TEST_F(ProberTest, RunAsRootCancellingKillsTheWorkerAndAnswersNobody) {
  SandboxProber prober = this->prober(ODD_PROBE);
  auto pending = prober.probe(image("hang\n"), [](Result<ProbeRecord>) { FAIL() << "answered"; });
  ASSERT_TRUE(run_until([&] { return worker().has_value(); }));
  const pid_t contained = *worker();
  ASSERT_TRUE(runs(contained));
  pending.reset();
  EXPECT_EQ(prober.running(), 0U);
  EXPECT_TRUE(run_until([&] { return !runs(contained); }));
}

TEST_F(ProberTest, RunAsRootAnAnswerMayDestroyEverything) {
  auto prober = std::make_unique<SandboxProber>(
      loop_, SandboxProber::Options{.program = ODD_PROBE, .most_at_once = 1});
  std::unique_ptr<PendingProbe> first, second;
  bool answered = false;
  first = prober->probe(image("behave\n"), [&](Result<ProbeRecord>) {
    answered = true;
    second.reset();
    prober.reset();
    first.reset();
  });
  second = prober->probe(image("hang\n"), [](Result<ProbeRecord>) { FAIL() << "answered"; });
  EXPECT_TRUE(run_until([&] { return answered; }));
}

TEST_F(ProberTest, RunAsRootOnlySoManyRunAtOnceAndTheOthersFollow) {
  SandboxProber prober = this->prober(AIRLOCK_PROBE, {}, 2);
  std::vector<std::unique_ptr<PendingProbe>> pending;
  int answers = 0;
  for (int i = 0; i < 7; ++i)
    pending.push_back(prober.probe(image(""), [&](Result<ProbeRecord> answer) {
      EXPECT_TRUE(answer) << answer.error().message();
      ++answers;
    }));
  ASSERT_TRUE(run_until([&] { return prober.running() == 2; }));
  EXPECT_EQ(prober.waiting(), 5U);
  pending.erase(pending.begin() + 3);  // one that waits
  EXPECT_EQ(prober.waiting(), 4U);
  EXPECT_TRUE(run_until([&] {
    EXPECT_LE(prober.running(), 2U);
    return answers == 6;
  }));
  EXPECT_EQ(prober.running() + prober.waiting(), 0U);
}

TEST_F(ProberTest, RunAsRootTooManyAreRefusedAtOnceButNotWithinTheCall) {
  SandboxProber prober = this->prober(ODD_PROBE, {}, 1, 1);
  const auto ignore = [](Result<ProbeRecord>) {};
  const auto running = prober.probe(image("hang\n"), ignore);
  const auto waiting = prober.probe(image("hang\n"), ignore);
  expect_error(answer_of(prober, image("behave\n")), Errc::kLimitExceeded, "1 wait already");
}

TEST_F(ProberTest, RunAsRootAProgramThatIsMissingIsSaidToBe) {
  SandboxProber prober = this->prober("/nonexistent/airlock-probe");
  expect_error(answer_of(prober, image("")), Errc::kUnsupported, "/nonexistent/airlock-probe");
}

TEST_F(ProberTest, RunAsRootANodeThatIsNotTheDeviceMeantIsRefused) {
  SandboxProber prober = this->prober(AIRLOCK_PROBE);
  expect_error(answer_of(prober, {.path = "/nonexistent"}), Errc::kNotFound, "No such file");
  expect_error(answer_of(prober, {.path = "/dev/null", .device = 0x103}), Errc::kNotFound,
               "another device now");
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_error(answer_of(prober, {.path = pipe, .device = 1}), Errc::kNotFound,
               "another device now");
}

// A device node of our own with nothing behind it but a file.
class LoopDevice {
 public:
  explicit LoopDevice(const fs::path& image) {
    const std::string command = fmt::format("losetup --find --show --read-only {}", image.string());
    FILE* const output = ::popen(command.c_str(), "r");
    std::array<char, 64> line{};
    if (output != nullptr && std::fgets(line.data(), line.size(), output) != nullptr)
      node_ = std::string(line.data(), std::string_view(line.data()).find('\n'));
    if (output != nullptr) ::pclose(output);
    if (node_.empty()) throw std::runtime_error("no loop device");
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice() {
    if (std::system(("losetup --detach " + node_).c_str()) != 0) ADD_FAILURE() << node_;
  }

  [[nodiscard]] ProbeTarget target() const {
    struct stat status{};
    EXPECT_EQ(::stat(node_.c_str(), &status), 0);
    ProbeTarget target{.path = node_, .device = status.st_rdev};
    const UniqueFd device(::open(node_.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::ioctl(device.get(), BLKGETDISKSEQ, &target.disk_sequence), 0);
    return target;
  }

 private:
  std::string node_;
};

TEST_F(ProberTest, RunAsRootAMediumThatWasChangedForAnotherIsRefused) {
  const LoopDevice device(image("").path);
  SandboxProber prober = this->prober(AIRLOCK_PROBE);
  const ProbeTarget right = device.target();
  EXPECT_GT(right.disk_sequence, 0U);
  const auto answer = answer_of(prober, right);
  EXPECT_TRUE(answer) << answer.error().message();
  ProbeTarget wrong = right;
  ++wrong.disk_sequence;
  expect_error(answer_of(prober, wrong), Errc::kNotFound, "another medium now");
  wrong = right;
  ++wrong.device;
  expect_error(answer_of(prober, wrong), Errc::kNotFound, "another device now");
}

TEST_F(ProberTest, RunAsRootAnImageTheCallerCannotReadIsRefused) {
  SandboxProber prober = this->prober(AIRLOCK_PROBE);
  expect_error(answer_of(prober, image("secret", O_WRONLY)), Errc::kNotPermitted,
               "is not readable");
  expect_error(answer_of(prober, image("secret", O_PATH)), Errc::kNotPermitted, "is not readable");
  ProbeTarget directory{
      .path = folder_, .image = file_here(UniqueFd(::open(folder_.c_str(), O_RDONLY | O_CLOEXEC)))};
  expect_error(answer_of(prober, directory), Errc::kInvalidArgument, "not an image file");
}

TEST_F(ProberTest, RunAsRootTheCallersPositionInAnImageStays) {
  SandboxProber prober = this->prober(AIRLOCK_PROBE);
  const ProbeTarget target = image("anything", O_RDWR);
  ASSERT_EQ(::lseek(target.image->keeper().get(), 7, SEEK_SET), 7);
  ASSERT_TRUE(answer_of(prober, target));
  EXPECT_EQ(::lseek(target.image->keeper().get(), 0, SEEK_CUR), 7);
}

// What a live probe is held by, measured from outside while it holds the medium.
TEST_F(ProberTest, RunAsRootALiveProbeHoldsTheMediumForReadingAndNothingElse) {
  SandboxProber prober = this->prober(ODD_PROBE);
  const ProbeTarget target = image("hang\n", O_RDWR);
  const auto pending = prober.probe(target, [](Result<ProbeRecord>) {});
  std::optional<pid_t> contained;
  ASSERT_TRUE(run_until([&] {
    contained = worker();
    // Its last descriptor is the medium; it takes that, and then closes its last door.
    return contained && fs::exists(fmt::format("/proc/{}/fd/4", *contained)) &&
           text_of(fmt::format("/proc/{}/status", *contained)).contains("Seccomp:\t2");
  }));
  const auto report = measure_containment(*contained);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->capabilities.none()) << render(*report);
  EXPECT_TRUE(report->no_new_privileges);
  EXPECT_EQ(report->seccomp_mode, 2);
  EXPECT_EQ(report->root_entries, 0U);
  EXPECT_TRUE(report->root_is_read_only);
  EXPECT_EQ(report->mounts, 1);
  EXPECT_EQ(report->threads, 1);
  EXPECT_GE(report->user_ids.at(0), UserIdRange{}.first);
  for (const auto& space : report->namespaces) EXPECT_TRUE(space.own) << space.name;
  ASSERT_EQ(report->descriptors.size(), 5U) << render(*report);
  EXPECT_EQ(report->descriptors[4].target, target.path);
  const std::string medium = text_of(fmt::format("/proc/{}/fdinfo/4", *contained));
  const auto flags = medium.find("flags:\t");
  ASSERT_NE(flags, std::string::npos);
  EXPECT_EQ(std::stoul(medium.substr(flags + 7), nullptr, 8) & O_ACCMODE, unsigned{O_RDONLY});
#if !defined(__SANITIZE_ADDRESS__)
  const std::string limits = text_of(fmt::format("/proc/{}/limits", *contained));
  EXPECT_NE(limits.find(fmt::format("{:<25} {:<20} {:<20}", "Max data size", 64 << 20, 64 << 20)),
            std::string::npos)
      << limits;
#endif
}

// The fake behaves like the real one where others rely on it.
TEST_F(ProberTest, TheFakeAnswersOnceThroughTheLoopAndNeverAfterCancelling) {
  FakeProber fake(loop_);
  fake.put("/dev/a", {.type = "ext4", .usage = ProbeUsage::kFilesystem});
  fake.break_medium("/dev/b", Errc::kIo);
  EXPECT_EQ(answer_of(fake, {.path = "/dev/a"})->type, "ext4");
  EXPECT_EQ(answer_of(fake, {.path = "/dev/b"}).error().code, Errc::kIo);
  fake.answer_later();
  int answers = 0;
  auto one = fake.probe({.path = "/dev/a"}, [&](Result<ProbeRecord>) { ++answers; });
  auto two = fake.probe({.path = "/dev/a"}, [&](Result<ProbeRecord>) { ++answers; });
  EXPECT_EQ(fake.running(), 2U);
  one.reset();
  fake.answer_all();
  EXPECT_TRUE(run_until([&] { return answers == 1; }));
  EXPECT_EQ(fake.running(), 0U);
  EXPECT_EQ(fake.cancelled(), 1U);
  EXPECT_EQ(fake.asked().size(), 4U);
}

}  // namespace
}  // namespace airlock::test
