// SPDX-License-Identifier: GPL-2.0-or-later
// How mounts end: drivers that die in every possible way, people who unmount by hand, media that
// are pulled, and drivers that refuse to end.
#include <fmt/format.h>
#include <sys/syscall.h>

#include <fstream>

#include "daemon/launch/worker_cgroup.h"
#include "tests/unit/mounting_end_fixture.h"

namespace airlock {
namespace {

TEST_F(MountEndRunAsRoot, AKilledDriverIsToldWithinASecondAndConcernsNoOther) {
  auto mount = watched("serve");
  const MountSource source = loops_.back()->source();
  auto other = watched("serve");
  ASSERT_EQ(::kill(mount->live.driver_pid, SIGKILL), 0);
  EXPECT_TRUE(run_until_promised([&] { return mount->death.has_value(); }, 1s));
  EXPECT_EQ(mount->death->kind, "signal");
  EXPECT_EQ(mount->death->signal_number, SIGKILL);
  EXPECT_EQ(mount->death->cause, "was killed by SIGKILL");
  EXPECT_EQ(mount->death->coredump, "");
  EXPECT_EQ(other->told, 0);
  EXPECT_TRUE(detach(mount->live).has_value());
  EXPECT_TRUE(unmount(other->live, loops_.back()->source())->flushed);
  mount.reset();
  other.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, AFaultIsASignal) {
  EXPECT_EQ(death_after("segv").signal_number, SIGSEGV);
  EXPECT_EQ(death_after("abort").signal_number, SIGABRT);
}

TEST_F(MountEndRunAsRoot, ADeathIsToldAsOneThoughTheMountTableCannotBeRead) {
  options_.mountinfo = "/proc";
  EXPECT_EQ(death_after("segv").signal_number, SIGSEGV);
}

TEST_F(MountEndRunAsRoot, AnExitCodeIsTold) {
  const auto death = death_after("exit");
  EXPECT_EQ(death.kind, "exit");
  EXPECT_EQ(death.exit_code, 9);
}

#if !defined(__SANITIZE_ADDRESS__)  // its memory is not limited
TEST_F(MountEndRunAsRoot, RunningOutOfMemoryIsTold) {
  EXPECT_EQ(death_after("memory", 10s).kind, "out-of-memory");
}

TEST_F(MountEndRunAsRoot, ADriverThatItsControlGroupEndsRanOutOfMemoryAndLeavesNoGroup) {
  auto mount = watched("serve");
  std::vector<std::string> groups;
  bool counts = false;
  {
    const auto group = WorkerCgroup::of(mount->live.driver_pid);
    counts = group.kills_for_memory().has_value();
    for (const GroupFolder& folder : group.folders()) {
      groups.push_back(folder.path);
      // Half of one bite of the driver. Version 2 kills it at once for having more.
      if (const auto used = read_group_file(folder, "memory.usage_in_bytes")) {
        EXPECT_TRUE(write_group_file(folder, "memory.limit_in_bytes",
                                     std::to_string(std::stoull(*used) + (1U << 19))));
      }
      (void)write_group_file(folder, "memory.max", "512K");
    }
  }
  if (counts) {
    look_up(mount->live, "churn");
    EXPECT_TRUE(run_until_promised([&] { return mount->death.has_value(); }, 1s));
    const DriverDeath death = mount->death.value_or(DriverDeath{});
    EXPECT_EQ(death.kind, "out-of-memory");
    EXPECT_EQ(death.cause, "ran out of memory");
    for (const std::string& path : groups) EXPECT_FALSE(fs::exists(path)) << path;
  } else {
    fmt::print("IMPOSSIBLE on this machine: ADriverThatItsControlGroupEnds: no group counts\n");
  }
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// Some machines take long to hand out memory, and nothing is answered meanwhile.
TEST_F(MountEndRunAsRoot, ADriverThatFillsItsMemorySlowlyIsNotHung) {
  options_.heartbeat = 100ms;
  options_.silence = 1s;
  EXPECT_EQ(death_after("memory-slowly", 10s).kind, "out-of-memory");
}

TEST_F(MountEndRunAsRoot, AnUnmountWaitsForADriverThatFillsItsMemorySlowly) {
  options_.stall = 1s;
  auto mount = watched("fills-last");
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_FALSE(result->flushed);
  EXPECT_NE(result->warning.find("ran out of memory"), std::string::npos) << result->warning;
  mount.reset();
  expect_nothing_left();
}
#endif

TEST_F(MountEndRunAsRoot, AForbiddenCallIsNamed) {
  const auto death = death_after("forbidden");
  EXPECT_EQ(death.kind, "forbidden-call");
  EXPECT_EQ(death.forbidden_call, SYS_socket);
  EXPECT_EQ(death.cause, "tried the forbidden system call socket (41)");
  EXPECT_FALSE(death.last_lines.empty());
}

// The kernel closes the files of a process a moment before the process counts as ended; a check at
// that moment finds a mount without a driver.
TEST_F(MountEndRunAsRoot, HowADriverEndedIsToldThoughItsConnectionWentBefore) {
  auto mount = watched_without_connection();
  (void)run_until([&] { return mount->told > 0; }, 100ms);
  EXPECT_EQ(mount->told, 0);
  ASSERT_EQ(::kill(mount->live.driver_pid, SIGKILL), 0);
  EXPECT_TRUE(run_until_promised([&] { return mount->death.has_value(); }, 1s));
  EXPECT_EQ(mount->death->cause, "was killed by SIGKILL");
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ADriverThatLostItsConnectionAndDoesNotEndIsStopped) {
  auto mount = watched_without_connection();
  EXPECT_TRUE(run_until([&] { return mount->death.has_value(); }));
  EXPECT_EQ(mount->death->cause, "lost its connection to the kernel");
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// The kernel itself rejects nonsense; the driver lives, and only its false answer is lost.
TEST_F(MountEndRunAsRoot, ALieIsNoDeath) {
  auto mount = watched("serve");
  look_up(mount->live, "lie");
  (void)run_until([&] { return mount->told > 0; }, 300ms);
  EXPECT_EQ(mount->told, 0);
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, WhatTheDriverSaysIsKept) {
  auto mount = watched("serve");
  look_up(mount->live, "say-hello");
  EXPECT_TRUE(run_until_promised([&] { return !mount->watch->last_lines().empty(); }, 1s));
  EXPECT_EQ(mount->watch->last_lines().back(), "airlock-ext: hello");
  EXPECT_TRUE(detach(mount->live).has_value());
}

TEST_F(MountEndRunAsRoot, AnUnmountByHandIsNoticed) {
  for (const bool fuseblk : {true, false}) {
    auto mount = watched("serve", fuseblk);
    ASSERT_TRUE(unmounted_by_hand(mount->live));
    EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 1s));
    ASSERT_TRUE(mount->unmounted.has_value());
    EXPECT_TRUE(mount->unmounted->flushed);
    EXPECT_EQ(mount->unmounted->vouched, fuseblk)
        << "nobody can tell umount -f of plain fuse apart";
    EXPECT_FALSE(mount->death.has_value());
  }
}

TEST_F(MountEndRunAsRoot, ADriverThatEndsBadlyAfterAnUnmountByHandIsNotClean) {
  auto mount = watched("dies-last", /*fuseblk=*/false);
  ASSERT_TRUE(unmounted_by_hand(mount->live));
  EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 1s));
  EXPECT_TRUE(mount->unmounted && !mount->unmounted->flushed);
}

// umount(8) and udisks wait in the kernel for the driver's answer to DESTROY, and no signal ends
// that.
TEST_F(MountEndRunAsRoot, ADriverThatDoesNotAnswerAnUnmountByHandHoldsNobodyUp) {
  options_.silence = 700ms;
  options_.last_wait = 300ms;
  auto mount = watched("deaf");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(unmounted_by_hand(mount->live));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 700ms);
  EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 1s));
  EXPECT_TRUE(mount->unmounted && !mount->unmounted->flushed);
  EXPECT_TRUE(detach(mount->live).has_value());  // the folder
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ALazyUnmountByHandLeavesTheDriverToThoseWhoStillUseIt) {
  options_.silence = 300ms;
  auto mount = watched("serve");
  UniqueFd open(::open(mount->live.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(open.valid());
  // The last process to close it waits for the driver.
  children_.push_back(in_child([] { ::pause(); }));
  open.reset();
  ASSERT_TRUE(unmounted_by_hand(mount->live, MNT_DETACH));
  (void)run_until([&] { return mount->told > 0; }, 2s);
  EXPECT_EQ(mount->told, 0);
  ::kill(children_.back(), SIGKILL);
  EXPECT_TRUE(run_until([&] { return mount->told > 0; }));
  EXPECT_TRUE(mount->unmounted && mount->unmounted->safe());
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, OurOwnUnmountIsNotTold) {
  auto mount = watched("serve");
  EXPECT_TRUE(unmount(mount->live, loops_.back()->source())->safe());
  // Another change of the table must not lead to it either.
  auto other = watched("serve");
  EXPECT_TRUE(detach(other->live).has_value());
  EXPECT_EQ(other->told, 0);
  other.reset();
  run_for(200ms);
  EXPECT_EQ(mount->told, 0);
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ABusyMountStaysAndIsStillWatched) {
  auto mount = watched("serve");
  UniqueFd open(::open(mount->live.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(open.valid());
  const auto refused = unmount(mount->live, loops_.back()->source());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kBusy);
  EXPECT_EQ(mounts(), 1U);
  open.reset();
  ::kill(mount->live.driver_pid, SIGKILL);
  EXPECT_TRUE(run_until_promised([&] { return mount->death.has_value(); }, 1s));
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// A driver that is busy writing delays every other request, including Airlock's own.
TEST_F(MountEndRunAsRoot, OurOwnQuestionToABusyDriverIsNoReasonToSayBusy) {
  options_.heartbeat = 20ms;
  auto mount = watched("serve");
  stop(mount->live);
  look_up(mount->live, "anything");
  ASSERT_TRUE(run_until([&] { return is_asked_too(mount->live); }));
  ::kill(children_.back(), SIGKILL);
  ::waitpid(children_.back(), nullptr, 0);
  children_.clear();
  // Longer than the daemon would wait for any other process.
  auto busy = loop_->after(2500ms, [&] { ::kill(mount->live.driver_pid, SIGCONT); });
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_TRUE(result->flushed) << result->warning;
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, WhoOnlyAskedABusyDriverIsWaitedForAMoment) {
  auto mount = watched("serve");
  stop(mount->live);
  look_up(mount->live, "anything");
  ASSERT_TRUE(run_until([&] { return FuseControl().waiting(mount->live.filesystem) > 0UL; }));
  auto busy = loop_->after(500ms, [&] { ::kill(mount->live.driver_pid, SIGCONT); });
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value()) << result.error().message();
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, WhoWasAnsweredSinceWeWereToldBusyHoldsNothing) {
  auto mount = watched("serve");
  stop(mount->live);
  look_up(mount->live, "anything");
  ASSERT_TRUE(run_until([&] { return FuseControl().waiting(mount->live.filesystem) > 0UL; }));
  // By the time "busy" is read, no process waits for the driver any more.
  auto busy = loop_->after(0ms, [&] {
    std::this_thread::sleep_for(200ms);
    ::kill(mount->live.driver_pid, SIGCONT);
    ::waitpid(children_.back(), nullptr, 0);
    children_.clear();
    ticker_.emplace(*loop_);  // this process itself stood still
  });
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value()) << result.error().message();
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, WhoeverHoldsAMountIsNamed) {
  auto mount = watched("serve");
  const pid_t holder = in_child([path = mount->live.mount_point] {
    if (::chdir(path.c_str()) == 0) ::pause();
  });
  children_.push_back(holder);
  std::vector<BusyProcess> found;
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (found.empty() && std::chrono::steady_clock::now() < end) {  // it needs a moment
    bool answered = false;
    auto operation = mounting().find_users(mount->live, [&](auto users) {
      answered = true;
      if (users) found = std::move(*users);
    });
    ASSERT_TRUE(run_until([&] { return answered; }));
  }
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().pid, holder);
  EXPECT_EQ(found.front().path, mount->live.mount_point);
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  ::kill(holder, SIGKILL);
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ADriveIsEjectedOnceNothingUsesIt) {
  auto mount = watched("serve");
  LoopDevice& loop = *loops_.back();
  const auto eject = [&] {
    std::optional<Result<bool>> answer;
    auto operation = mounting().eject(loop.path(), [&](auto done) { answer = std::move(done); });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return answer ? std::move(*answer) : fail(Errc::kTimedOut, "no answer");
  };
  EXPECT_EQ(eject().error().code, Errc::kBusy);
  EXPECT_TRUE(unmount(mount->live, loop.source())->flushed);
  mount.reset();
  const auto done = eject();
  EXPECT_TRUE(done.has_value()) << done.error().message();
  std::optional<Errc> code;
  auto operation = mounting().power_off("/sys/class/block" + loop.path().substr(4),
                                        [&](auto off) { code = off.error().code; });
  EXPECT_TRUE(run_until([&] { return code.has_value(); }));
  EXPECT_EQ(code, Errc::kUnsupported);  // there is no hardware
}

TEST_F(MountEndRunAsRoot, ALazyUnmountWaitsForNobody) {
  auto mount = watched("serve", /*fuseblk=*/false);
  UniqueFd open(::open(mount->live.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto used = unmount(mount->live, loops_.back()->source(), UnmountForce::kLazy);
  ASSERT_TRUE(used.has_value());
  EXPECT_FALSE(used->flushed);
  EXPECT_NE(used->warning, "");
  EXPECT_EQ(mounts(), 0U);
  EXPECT_EQ(folders(), 0U);
  mount.reset();
  open.reset();
  EXPECT_TRUE(run_until([&] { return at_rest(); }));
  auto unused = watched("serve");
  const auto result = unmount(unused->live, loops_.back()->source(), UnmountForce::kLazy);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->flushed) << result->warning;
  unused.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, AForcedUnmountTakesItFromItsUsers) {
  auto mount = watched("serve");
  UniqueFd open(::open(mount->live.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  look_up(mount->live, "sleep");
  const auto result = unmount(mount->live, loops_.back()->source(), UnmountForce::kForce);
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_FALSE(result->flushed);
  EXPECT_NE(result->warning, "");
  EXPECT_EQ(mounts(), 0U);
  EXPECT_EQ(folders(), 0U);
  open.reset();
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ADriverThatWillNotEndIsStopped) {
  options_.stall = 500ms;
  options_.last_wait = 300ms;
  // The second one seems to work, and would go on for ever.
  for (const auto& [behaviour, fuseblk] : std::to_array<std::pair<const char*, bool>>(
           {{"deaf", true}, {"deaf", false}, {"reads-last", true}, {"reads-last", false}})) {
    auto mount = watched(behaviour, fuseblk);
    const auto result = unmount(mount->live, loops_.back()->source());
    ASSERT_TRUE(result.has_value()) << result.error().message();
    EXPECT_FALSE(result->flushed);
    EXPECT_NE(result->warning.find("was stopped"), std::string::npos) << result->warning;
    mount.reset();
    expect_nothing_left();
  }
}

TEST_F(MountEndRunAsRoot, AForcedUnmountOvertakesOneThatIsRunning) {
  for (const bool fuseblk : {true, false}) {
    auto mount = watched("reads-last", fuseblk);
    std::optional<Result<Mounting::UnmountResult>> ended;
    auto patient = mounting().unmount(
        mount->live, loops_.back()->source(), UnmountForce::kNone, [](auto) {},
        [&](auto result) { ended = std::move(result); });
    EXPECT_TRUE(run_until([&] { return mounts() == 0; }));
    EXPECT_FALSE(ended.has_value());
    patient->insist();
    EXPECT_TRUE(run_until([&] { return ended.has_value(); }));
    ASSERT_TRUE(ended->has_value()) << ended->error().message();
    EXPECT_FALSE((*ended)->flushed);
    mount.reset();
    expect_nothing_left();
  }
}

// The running attempt finds it in use, which no longer matters.
TEST_F(MountEndRunAsRoot, AForcedUnmountOvertakesOneThatIsRefused) {
  auto mount = watched("serve");
  UniqueFd open(::open(mount->live.mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::optional<Result<Mounting::UnmountResult>> ended;
  auto patient = mounting().unmount(
      mount->live, loops_.back()->source(), UnmountForce::kNone, [](auto) {},
      [&](auto result) { ended = std::move(result); });
  patient->insist();
  EXPECT_TRUE(run_until([&] { return ended.has_value(); }));
  ASSERT_TRUE(ended->has_value()) << ended->error().message();
  EXPECT_FALSE((*ended)->flushed);
  EXPECT_EQ(mounts(), 0U);
  open.reset();
  mount.reset();
  expect_nothing_left();
}

// The next mount gets the number of a plain mount that has left, and the number names its
// connection.
TEST_F(MountEndRunAsRoot, NobodyElsesMountIsEndedInItsPlace) {
  options_.last_wait = 300ms;
  for (const auto force : {UnmountForce::kForce, UnmountForce::kNone}) {
    options_.stall = force == UnmountForce::kForce ? 60s : 500ms;
    bool shown = false;
    for (int i = 0; i < 10 && !shown; ++i) {
      auto mount = watched("reads-last", /*fuseblk=*/false);
      std::optional<Result<Mounting::UnmountResult>> ended;
      auto patient = mounting().unmount(
          mount->live, loops_.back()->source(), UnmountForce::kNone, [](auto) {},
          [&](auto result) { ended = std::move(result); });
      EXPECT_TRUE(run_until([&] { return !FuseControl().waiting(mount->live.filesystem); }));
      OtherServer other(folder_);
      shown = other.take(mount->live.filesystem);
      if (force == UnmountForce::kForce || !shown) patient->insist();
      EXPECT_TRUE(run_until([&] { return ended.has_value(); }));
      EXPECT_TRUE(!shown || other.lives()) << "it was ended";
      mount.reset();
      expect_nothing_left();
      mounting_.reset();
    }
    EXPECT_TRUE(shown) << "the number was never given to ours";
  }
}

// After umount -l a program goes on copying files, which only reads.
TEST_F(MountEndRunAsRoot, WhatIsReadAfterALazyUnmountIsNotStopped) {
  options_.silence = 200ms;
  options_.last_wait = 100ms;
  auto mount = watched("serve");
  look_up(mount->live, "read-on");
  FuseControl control;
  // A request from before the driver began is answered.
  EXPECT_TRUE(run_until([&] {
    if (control.waiting(mount->live.filesystem) > 1UL) return true;
    look_up(mount->live, "anything");
    return false;
  }));
  ASSERT_EQ(::umount2(mount->live.mount_point.c_str(), MNT_DETACH), 0);
  const auto end = std::chrono::steady_clock::now() + 3s;
  EXPECT_TRUE(run_until([&] { return mount->told > 0 || std::chrono::steady_clock::now() > end; }));
  EXPECT_EQ(mount->told, 0) << "five times the patience";
  ASSERT_EQ(::kill(mount->live.driver_pid, SIGKILL), 0);
  EXPECT_TRUE(run_until([&] { return mount->told > 0; }));
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// A copy of the mount in another namespace keeps its driver, which may have unwritten data.
TEST_F(MountEndRunAsRoot, ADriverIsToldToWriteEverythingBeforeItIsStopped) {
  options_.stall = 500ms;
  options_.silence = 500ms;
  for (const bool by_hand : {false, true}) {
    auto mount = watched("deaf-commit");
    if (by_hand) {
      EXPECT_TRUE(unmounted_by_hand(mount->live));
      EXPECT_TRUE(run_until([&] { return mount->told > 0; }));
      EXPECT_TRUE(mount->unmounted && !mount->unmounted->safe()) << "it may be lost here, too";
      EXPECT_TRUE(detach(mount->live).has_value());  // the folder
    } else {
      const auto result = unmount(mount->live, loops_.back()->source());
      ASSERT_TRUE(result.has_value()) << result.error().message();
      EXPECT_FALSE(result->safe()) << "what the kernel still held may be lost";
    }
    std::ifstream medium(loops_.back()->source().path, std::ios::binary);
    std::array<char, 9> mark{};
    medium.seekg(512).read(mark.data(), mark.size());
    EXPECT_EQ(std::string_view(mark.data(), mark.size()), "committed");
    mount.reset();
    expect_nothing_left();
  }
}

TEST_F(MountEndRunAsRoot, ADriverThatEndsBadlyIsNotSafeToRemove) {
  auto mount = watched("dies-last");
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->flushed);
  EXPECT_NE(result->warning.find("exited with code 7"), std::string::npos) << result->warning;
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, WhatTheDriverSaysItCouldNotWriteIsTold) {
  auto mount = watched("unwritten");
  const auto result = unmount(mount->live, loops_.back()->source());
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->flushed);
  EXPECT_NE(result->warning.find("the last changes are not on the medium"), std::string::npos)
      << result->warning;
  mount.reset();
  expect_nothing_left();
}

// The mount keeps a descriptor of its driver, so the loop would go on watching a closed copy.
TEST_F(MountEndRunAsRoot, AWatchThatIsOverLeavesNothingInTheLoop) {
  auto mount = watched("serve");
  for (int round = 0; round < 50; ++round) {
    mount->watch = nullptr;
    const UniqueFd number_taken(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Watched again(mounting(), std::move(mount->live));
    std::swap(again.live, mount->live);
  }
  Watched last(mounting(), std::move(mount->live));
  ASSERT_EQ(::kill(last.live.driver_pid, SIGKILL), 0);
  EXPECT_TRUE(run_until_promised([&] { return last.death.has_value(); }, 1s));
  EXPECT_TRUE(detach(last.live).has_value());
}

// Its exit code does not say what it wrote: it never promised that.
TEST_F(MountEndRunAsRoot, TheEndOfSomebodyElsesDriverIsNoWord) {
  for (const bool by_hand : {false, true}) {
    auto mount = watched("serve");
    mount->live.origin = "/run/fuse";
    mount->watch = nullptr;
    Watched foreign(mounting(), std::move(mount->live));
    if (by_hand) {
      ASSERT_TRUE(unmounted_by_hand(foreign.live));
      EXPECT_TRUE(run_until([&] { return foreign.told > 0; }, 1s));
      EXPECT_TRUE(foreign.unmounted && foreign.unmounted->flushed && !foreign.unmounted->vouched);
    } else {
      const auto result = unmount(foreign.live, loops_.back()->source());
      ASSERT_TRUE(result.has_value());
      EXPECT_TRUE(result->flushed);
      EXPECT_FALSE(result->vouched);
    }
  }
}

TEST_F(MountEndRunAsRoot, AnUnmountNobodyWaitsForGoesOn) {
  auto mount = watched("serve");
  auto operation = mounting().unmount(
      mount->live, loops_.back()->source(), UnmountForce::kNone, [](auto) {},
      [](auto) { ADD_FAILURE() << "nobody asked"; });
  // Under way, but not reported yet: the loop does not run.
  std::this_thread::sleep_for(3ms);
  operation.reset();
  // So the watcher reports it, like any unmount that was not requested here.
  EXPECT_TRUE(run_until([&] { return mount->told > 0; }));
  EXPECT_TRUE(mount->unmounted && mount->unmounted->safe());
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, ADevicePulledWhileMountedIsDetached) {
  for (const bool fuseblk : {true, false}) {
    auto mount = watched("serve", fuseblk);
    loops_.back()->empty();
    EXPECT_TRUE(detach(mount->live).has_value());
    mount.reset();
    loops_.clear();
    expect_nothing_left();
  }
}

TEST_F(MountEndRunAsRoot, ADevicePulledWhileUnmountingEndsInOneAnswer) {
  options_.stall = 500ms;
  auto mount = watched("deaf");
  int answers = 0;
  auto operation = mounting().unmount(
      mount->live, loops_.back()->source(), UnmountForce::kNone, [](auto) {},
      [&](auto) { ++answers; });
  run_for(50ms);
  loops_.back()->empty();
  EXPECT_TRUE(detach(mount->live).has_value());
  EXPECT_TRUE(run_until([&] { return answers > 0; }));
  mount.reset();
  loops_.clear();
  expect_nothing_left();
  EXPECT_EQ(answers, 1);
}

// A driver with another parent, as after a restart of the daemon.
TEST_F(MountEndRunAsRoot, TheEndOfAStrangersChildIsKnownWhereTheKernelTells) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd told(ends[0]), tell(ends[1]);
  children_.push_back(in_child([&] {
    const pid_t grandchild = in_child([] { ::pause(); });
    (void)!::write(tell.get(), &grandchild, sizeof grandchild);
    ::waitpid(grandchild, nullptr, 0);
  }));
  pid_t pid = 0;
  ASSERT_EQ(::read(told.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const UniqueFd life(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  auto driver = WatchedDriver::create(*loop_, pid, life.borrow(), BorrowedFd{-1}).value();
  std::optional<DriverEnd> end;
  auto subscription = driver->on_end([&](const DriverEnd& how) { end = how; });
  ::kill(pid, SIGUSR1);
  EXPECT_TRUE(run_until([&] { return end.has_value(); }));
  // Linux 6.15 and later report it; before that, an unknown end is the right answer.
  if (end->cause) {
    EXPECT_EQ(end->cause->signal_number, SIGUSR1);
  } else {
    EXPECT_EQ(describe_death(*end).kind, "unknown");
  }
}

// Gives the answers in order, each later, from the loop.
class FakeService final : public ServiceManager::Service {
 public:
  FakeService(EventLoop& loop, std::vector<ServiceAnswer> answers)
      : loop_(loop), answers_(std::move(answers)) {}
  void ask(std::move_only_function<void(const ServiceAnswer&)> answer) override {
    ASSERT_FALSE(answers_.empty());
    const ServiceAnswer next = answers_.front();
    answers_.erase(answers_.begin());
    later_ = loop_.soon([answer = std::move(answer), next]() mutable { answer(next); }).value();
  }

 private:
  EventLoop& loop_;
  std::vector<ServiceAnswer> answers_;
  EventSource later_;
};

ServiceAnswer ended_with(int code, int status) {
  ServiceAnswer answer{.known = true, .ended = siginfo_t{}, .out_of_memory = false};
  answer.ended->si_code = code;
  answer.ended->si_status = status;
  return answer;
}

class ServiceEndRunAsRoot : public MountEndRunAsRoot {
 protected:
  // For a process of which the kernel reports only that it ended: it has no pidfd.
  std::optional<DriverEnd> end_told(std::vector<ServiceAnswer> answers) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd life(ends[0]);
    UniqueFd(ends[1]).reset();
    auto driver = WatchedDriver::create(*loop_, 1, life.borrow(), BorrowedFd{-1},
                                        std::make_unique<FakeService>(*loop_, std::move(answers)))
                      .value();
    std::optional<DriverEnd> end;
    auto subscription = driver->on_end([&](const DriverEnd& how) { end = how; });
    // The listener may hold the last reference.
    driver.reset();
    EXPECT_TRUE(run_until([&] { return end.has_value(); }));
    return end;
  }
};

TEST_F(ServiceEndRunAsRoot, WhatTheKernelDoesNotTellTheServiceManagerDoes) {
  const auto in_order = end_told({{.known = true}, ended_with(CLD_EXITED, 0)});
  EXPECT_TRUE(in_order && in_order->clean());
  const auto killed = end_told({ended_with(CLD_KILLED, SIGSEGV)});
  ASSERT_TRUE(killed && killed->cause);
  EXPECT_EQ(killed->cause->describe(), "was killed by SIGSEGV");
}

TEST_F(ServiceEndRunAsRoot, AManagerThatDoesNotKnowIsNotAskedAgain) {
  const auto end = end_told({ServiceAnswer{}});
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->cause);
}

}  // namespace
}  // namespace airlock
