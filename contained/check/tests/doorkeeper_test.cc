// SPDX-License-Identifier: GPL-2.0-or-later
// What a program hears that looks at the name of the medium; and what becomes of an answer to one
// that has ended meanwhile, while another has got its number.
#include "contained/check/doorkeeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <string_view>
#include <thread>

#include "lib/protocol/checkers.h"

#ifdef SYS_newfstatat
namespace airlock::check {
namespace {

using namespace std::chrono_literals;

constexpr std::byte kUntouched{0x55};

// Memory of every program of the test, at the same address in all.
struct Shared {
  std::array<char, 64> name;
  struct stat answer;
  std::atomic<int> listener;
};

Shared& make_shared_memory() {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  auto& shared = *new (memory) Shared{};
  shared.listener = -1;
  std::ranges::copy(std::string_view(kMediumPath), shared.name.begin());
  std::ranges::fill(std::as_writable_bytes(std::span(&shared.answer, 1)), kUntouched);
  return shared;
}

// From here on somebody else answers each look at a name.
int have_looks_answered() {
  std::array<sock_filter, 4> steps = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {.len = steps.size(), .filter = steps.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
}

[[noreturn]] void look(Shared& shared) {
  const int listener = have_looks_answered();
  shared.listener = listener;
  if (listener < 0) ::_exit(2);
  ::_exit(::syscall(SYS_newfstatat, AT_FDCWD, shared.name.data(), &shared.answer, 0) == 0 ? 0 : 1);
}

[[noreturn]] void wait_for_the_end() {
  while (true) ::pause();
}

// A process with a number that has just come free.
pid_t start_as(pid_t number) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(&number);
  arguments.set_tid_size = 1;
  const auto started = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (started == 0) wait_for_the_end();
  return started;
}

int end_of(pid_t process) {
  int status = -1;
  EXPECT_EQ(::waitpid(process, &status, 0), process);
  return status;
}

class DoorkeeperRunAsRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    asking_ = ::fork();
    if (asking_ == 0) look(shared_);
    ASSERT_GT(asking_, 0);
    for (int i = 0; i < 1000 && shared_.listener < 0; ++i) std::this_thread::sleep_for(10ms);
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, asking_, 0)));
    listener_ = UniqueFd(
        static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), shared_.listener.load(), 0)));
    ASSERT_TRUE(listener_.valid());
  }
  void TearDown() override { (void)::munmap(&shared_, sizeof shared_); }

  Shared& shared_ = make_shared_memory();
  UniqueFd medium_{::memfd_create("medium", MFD_CLOEXEC)};
  UniqueFd listener_;
  pid_t asking_ = 0;
};

TEST_F(DoorkeeperRunAsRoot, DescribesTheMediumToWhoLooksAtIt) {
  const Doorkeeper door(std::move(listener_), medium_.borrow(), Access::kReadOnly);
  ASSERT_TRUE(door.answer_one().has_value());
  EXPECT_EQ(end_of(asking_), 0);
  struct stat medium = {};
  ASSERT_EQ(::fstat(medium_.get(), &medium), 0);
  EXPECT_EQ(shared_.answer.st_ino, medium.st_ino);
}

TEST_F(DoorkeeperRunAsRoot, WritesNothingIntoAProcessThatDidNotAsk) {
  seccomp_notif question = {};
  ASSERT_EQ(::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &question), 0);
  ASSERT_EQ(::kill(asking_, SIGKILL), 0);
  (void)end_of(asking_);
  const pid_t other = start_as(asking_);
  ASSERT_EQ(other, asking_);
  const Doorkeeper door(std::move(listener_), medium_.borrow(), Access::kReadOnly);
  EXPECT_TRUE(door.answer(question).has_value());
  const auto bytes = std::as_bytes(std::span(&shared_.answer, 1));
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == kUntouched; }));
  (void)::kill(other, SIGKILL);
  (void)end_of(other);
}

}  // namespace
}  // namespace airlock::check
#endif
