// SPDX-License-Identifier: GPL-2.0-or-later
// How descriptors reach airlockd: real processes and sockets, and files of various kinds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "daemon/handover/handover_desk.h"
#include "daemon/handover/keeper.h"
#include "daemon/loop/errand.h"
#include "lib/base/passing.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kPatience = 60s;

class HandoverTest : public testing::Test {
 protected:
  using Files = Result<std::vector<HandedFile>>;

  HandoverTest() {
    folder_ = testing::TempDir() + "/handover.XXXXXX";
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    open({});
  }
  ~HandoverTest() override {
    desk_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(HandoverDesk::Options options) {
    options.directory = folder_ + "/sockets";
    desk_.reset();
    auto desk = HandoverDesk::open(loop_, options);
    ASSERT_TRUE(desk.has_value()) << desk.error().message();
    desk_ = std::move(*desk);
  }

  template <typename Condition>
  bool wait_for(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < end) (void)loop_.run_once(10ms);
    return condition();
  }

  Result<std::string> prepare(const std::string& sender = ":1.1") {
    std::optional<Result<std::string>> answer;
    desk_->prepare(sender, ::getuid(), [&](Result<std::string> path) { answer = std::move(path); });
    EXPECT_FALSE(answer.has_value()) << "not from within the call";
    EXPECT_TRUE(wait_for([&] { return answer.has_value(); }));
    return *answer;
  }

  static UniqueFd connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto* general = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(socket.get(), general, sizeof address) == 0 ? std::move(socket) : UniqueFd();
  }
  static void send(const std::string& path, const std::vector<BorrowedFd>& files) {
    const UniqueFd socket = connect(path);
    ASSERT_TRUE(socket.valid());
    ASSERT_TRUE(pass(socket.borrow(), "files", files).has_value());
  }

  Files take(const std::string& path, const std::string& sender = ":1.1") {
    std::optional<Files> answer;
    desk_->take(sender, path, [&](Files files) { answer = std::move(files); });
    EXPECT_FALSE(answer.has_value()) << "not from within the call";
    EXPECT_TRUE(wait_for([&] { return answer.has_value(); }));
    return std::move(*answer);
  }

  UniqueFd file(const std::string& content, int flags = O_RDWR) {
    const std::string path = folder_ + "/file";
    std::ofstream(path) << content;
    return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
  }

  // What an errand reads from the file.
  std::string read_in_errand(const HeldFile& held) {
    std::optional<Result<ErrandReport>> report;
    auto errand = Errand::start(
        loop_, "read", {}, {held.keeper()},
        [&held]() -> Result<ErrandReport> {
          TRY(const auto file, held.take());
          std::array<char, 16> bytes{};
          const auto length = ::pread(file.get(), bytes.data(), bytes.size(), 0);
          return ErrandReport{.bytes = std::string(bytes.data(), std::max<ssize_t>(length, 0)),
                              .descriptors = {}};
        },
        [&](Result<ErrandReport> done) { report = std::move(done); });
    EXPECT_TRUE(errand.has_value());
    EXPECT_TRUE(wait_for([&] { return report.has_value(); }));
    return *report ? (*report)->bytes : report->error().message();
  }

  static std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
  }
  bool no_child_left() {
    return wait_for([] {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
    });
  }

  std::string folder_;
  EventLoop loop_ = std::move(*EventLoop::create());
  std::unique_ptr<HandoverDesk> desk_;
};

TEST_F(HandoverTest, ErrandsGetTheFileAndWeNeverHaveIt) {
  const auto path = prepare();
  ASSERT_TRUE(path.has_value()) << path.error().message();
  send(*path, {file("content").borrow()});
  const auto before = open_descriptors();
  auto files = take(*path);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  ASSERT_EQ(files->size(), 1U);
  EXPECT_FALSE(files->front().own.valid());
  EXPECT_LE(open_descriptors(), before) << "no descriptor of the file has come to us";
  const HeldFile& held = *files->front().file;
  EXPECT_TRUE(S_ISREG(held.facts().mode));
  EXPECT_EQ(held.facts().size, 7U);
  EXPECT_EQ(held.facts().flags & O_ACCMODE, O_RDWR);
  EXPECT_EQ(read_in_errand(held), "content");
  EXPECT_EQ(read_in_errand(held), "content") << "as often as need be";
  files->clear();
  EXPECT_TRUE(no_child_left());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/sockets"));
}

TEST_F(HandoverTest, WhatClosesAtOnceComesToUs) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reads(ends[0]);
  const UniqueFd writes(ends[1]);
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  const std::string named = folder_ + "/named";
  ASSERT_EQ(::mkfifo(named.c_str(), 0600), 0);
  const UniqueFd fifo(::open(named.c_str(), O_RDWR | O_CLOEXEC));
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  send(*path, {process.borrow(), reads.borrow(), fifo.borrow()});
  const auto files = take(*path);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  ASSERT_EQ(files->size(), 3U);
  EXPECT_TRUE((*files)[0].own.valid()) << "a process";
  EXPECT_TRUE((*files)[1].own.valid()) << "a pipe";
  EXPECT_FALSE((*files)[2].own.valid()) << "a pipe with a name lies on a filesystem";
}

TEST_F(HandoverTest, OneMessageWithTooFewOrTooManyIsRefused) {
  const UniqueFd one = file("x");
  for (const std::size_t count : {0U, 4U}) {
    const auto path = prepare();
    ASSERT_TRUE(path.has_value());
    send(*path, std::vector<BorrowedFd>(count, one.borrow()));
    const auto files = take(*path);
    ASSERT_FALSE(files.has_value()) << count;
    EXPECT_EQ(desk_->open_handovers(), 0U);
  }
}

TEST_F(HandoverTest, AFailureIsToldAsWhatItWasToWhoeverAsksLater) {
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  send(*path, {});
  EXPECT_TRUE(no_child_left());  // it has failed by now
  (void)loop_.run_once(20ms);
  EXPECT_NE(take(*path).error().message().find("is expected, not 0"), std::string::npos);
  EXPECT_EQ(desk_->open_handovers(), 0U);
}

TEST_F(HandoverTest, OnlyOneCallWaitsForIt) {
  open({.directory = {}, .answer = 200ms});
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  std::optional<Files> first;
  desk_->take(":1.1", *path, [&](Files files) { first = std::move(files); });
  EXPECT_EQ(take(*path).error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(wait_for([&] { return first.has_value(); }));
  EXPECT_EQ(first->error().code, Errc::kTimedOut);
}

TEST_F(HandoverTest, CountsOnceAndForItsSenderAlone) {
  const auto path = prepare(":1.1");
  ASSERT_TRUE(path.has_value());
  send(*path, {file("x").borrow()});
  EXPECT_EQ(take(*path, ":1.2").error().code, Errc::kInvalidArgument);
  EXPECT_EQ(take(folder_, ":1.1").error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(take(*path, ":1.1").has_value());
  EXPECT_EQ(take(*path, ":1.1").error().code, Errc::kInvalidArgument);
}

TEST_F(HandoverTest, WithoutDescriptorsItEndsInTime) {
  open({.directory = {}, .answer = 50ms});
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(take(*path).error().code, Errc::kTimedOut);
  EXPECT_TRUE(no_child_left());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/sockets"));
}

TEST_F(HandoverTest, WhatNobodyTakesGoes) {
  open({.directory = {}, .unclaimed = 50ms});
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  send(*path, {file("x").borrow()});
  EXPECT_TRUE(wait_for([&] { return desk_->open_handovers() == 0; }));
  EXPECT_EQ(take(*path).error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(no_child_left());
}

TEST_F(HandoverTest, GoesWithItsCaller) {
  ASSERT_TRUE(prepare(":1.1").has_value());
  ASSERT_TRUE(prepare(":1.2").has_value());
  desk_->caller_gone(":1.1");
  EXPECT_EQ(desk_->open_handovers(), 1U);
}

TEST_F(HandoverTest, OneUserHasSoManyAndRootAnyNumber) {
  open({.directory = {}, .most_of_one_user = 2});
  EXPECT_TRUE(prepare().has_value());
  EXPECT_TRUE(prepare().has_value());
  const auto third = prepare();
  if (::getuid() == 0)
    EXPECT_TRUE(third.has_value());
  else
    EXPECT_EQ(third.error().code, Errc::kLimitExceeded);
}

TEST_F(HandoverTest, AKeptFileOfAProcessThatDiedIsGoneAndSaysSo) {
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  send(*path, {file("x").borrow()});
  auto files = take(*path);
  ASSERT_TRUE(files.has_value());
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t child = 0; children >> child;) ASSERT_EQ(::kill(child, SIGKILL), 0);
  (void)wait_for([&] { return read_in_errand(*files->front().file) != "x"; });
  EXPECT_EQ(read_in_errand(*files->front().file), "the file is no longer kept open");
}

TEST_F(HandoverTest, NobodyElseMayConnect) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root";
  const auto path = prepare();
  ASSERT_TRUE(path.has_value());
  struct stat info = {};
  ASSERT_EQ(::stat(path->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    const bool became = ::setresuid(4711, 4711, 4711) == 0;
    ::_exit(became && !connect(*path).valid() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(status, 0);
}

TEST_F(HandoverTest, SocketsOfAnEarlierDaemonGo) {
  ASSERT_TRUE(prepare().has_value());
  std::ofstream(folder_ + "/sockets/left-over") << "x";
  open({});
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/sockets"));
}

TEST(HandoverNews, OfAWrongLengthIsRefused) {
  EXPECT_FALSE(keeper::read_news({.bytes = "nonsense", .descriptors = {}}).has_value());
}

}  // namespace
}  // namespace airlock
