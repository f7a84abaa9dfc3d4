// SPDX-License-Identifier: GPL-2.0-or-later
// How mounts end: drivers that die in every way there is, people who unmount by hand, media that
// are pulled, and drivers that don't want to end.
#include <fmt/format.h>
#include <linux/fuse.h>
#include <sys/syscall.h>

#include <fstream>
#include <functional>

#include "daemon/launch/worker_cgroup.h"
#include "daemon/mount/fuse_control.h"
#include "tests/unit/mounting_fixture.h"

namespace airlock {
namespace {

class MountEndRunAsRoot : public KernelMountingRunAsRoot {
 protected:
  std::unique_ptr<Watched> watched(const std::string& behaviour, bool fuseblk = true) {
    auto live = mount(add_loop(behaviour).source(), decision(fuseblk));
    EXPECT_TRUE(live.has_value()) << live.error().message();
    if (!live) return nullptr;
    return std::make_unique<Watched>(mounting(), std::move(*live));
  }
  // It stands still for certain: before, it could still take a request, and then whoever waits for
  // the answer can't even be killed.
  void stop(const LiveMount& live) {
    ASSERT_EQ(::kill(live.driver_pid, SIGSTOP), 0);
    ASSERT_TRUE(run_until([&] {
      std::ifstream file(fmt::format("/proc/{}/stat", live.driver_pid));
      std::string line;
      std::getline(file, line);
      return line.find(") T ") != std::string::npos;
    }));
  }
  // Somebody waits for its driver, and so do we, who ask whether it lives.
  static bool is_asked_too(const LiveMount& live) {
    return FuseControl().waiting(live.filesystem) > 1UL;
  }
  // Its driver stands still, somebody waits for it, and the connection is gone.
  std::unique_ptr<Watched> watched_without_connection() {
    options_.heartbeat = 20ms;
    auto mount = watched("serve");
    stop(mount->live);
    look_up(mount->live, "anything");
    EXPECT_TRUE(run_until([&] { return is_asked_too(mount->live); }));
    EXPECT_TRUE(FuseControl().abort(mount->live.filesystem).has_value());
    return mount;
  }
  // As umount(8) does it, in a process of its own: the driver's answer is waited for in the kernel.
  bool unmounted_by_hand(const LiveMount& live, int flags = 0) {
    const pid_t by_hand = in_child(
        [path = live.mount_point, flags] { ::_exit(::umount2(path.c_str(), flags) == 0 ? 0 : 1); });
    int status = -1;
    bool done = false;
    return run_until([&] { return done = done || ::waitpid(by_hand, &status, WNOHANG) == by_hand; },
                     kPatience) &&
           status == 0;
  }
  // How often something made the loop turn.
  int rounds_in(std::chrono::milliseconds time) {
    ticker_.reset();  // it does so all the time
    int rounds = 0;
    for (const auto end = std::chrono::steady_clock::now() + time;
         std::chrono::steady_clock::now() < end;)
      rounds += loop_->run_once(time).value_or(false) ? 1 : 0;
    ticker_.emplace(*loop_);
    return rounds;
  }
  // Somebody always waits for an answer, and always another one.
  void keep_busy(const LiveMount& live) {
    for (int i = 0; i < 3; ++i)
      children_.push_back(in_child([path = live.mount_point + "/nothing"] {
        for (;;) {
          struct stat info = {};
          (void)::stat(path.c_str(), &info);
        }
      }));
  }
  // Looks the name up, waits for what is told, and takes the mount away.
  DriverDeath death_after(const std::string& name, std::chrono::milliseconds at_most = 1s) {
    auto mount = watched("serve");
    look_up(mount->live, name);
    EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, at_most)) << name;
    const DriverDeath death = mount->death.value_or(DriverDeath{});
    EXPECT_TRUE(detach(mount->live).has_value());
    run_for(100ms);
    EXPECT_EQ(mount->told, 1) << name;
    mount.reset();
    expect_nothing_left();
    return death;
  }
};

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
      // Half of what one bite of the driver takes. Version 2 ends it already for having more.
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

// Some machines take long to hand out memory, and nobody is answered meanwhile.
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

// Its memory changes for ever, so that counts for a few deadlines only.
TEST_F(MountEndRunAsRoot, ADriverWhoseMemoryChangesForEverIsHungAllTheSame) {
  options_.heartbeat = 100ms;
  options_.silence = 300ms;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(death_after("churn", 10s).kind, "hang");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5 * 300ms);
}

TEST_F(MountEndRunAsRoot, AForbiddenCallIsNamed) {
  const auto death = death_after("forbidden");
  EXPECT_EQ(death.kind, "forbidden-call");
  EXPECT_EQ(death.forbidden_call, SYS_socket);
  EXPECT_EQ(death.cause, "tried the forbidden system call socket (41)");
  EXPECT_FALSE(death.last_lines.empty());
}

TEST_F(MountEndRunAsRoot, ADriverThatDoesNotAnswerIsHungAndStopped) {
  options_.heartbeat = 100ms;
  options_.silence = 500ms;
  for (const char* name : {"sleep", "loop"}) {
    const auto start = std::chrono::steady_clock::now();
    const auto death = death_after(name, 2s);
    EXPECT_EQ(death.kind, "hang");
    EXPECT_EQ(death.cause, "did not answer for 0.5 s");
    EXPECT_GE(std::chrono::steady_clock::now() - start, 500ms);
  }
}

TEST_F(MountEndRunAsRoot, ADriverThatWorksSlowlyOnIsNotHung) {
  options_.heartbeat = 50ms;
  run_for(200ms);  // how late this machine is by itself
  options_.silence =
      1s + std::chrono::duration_cast<std::chrono::milliseconds>(20 * noise_.worst());
  auto mount = watched("serve");
  keep_busy(mount->live);
  (void)run_until([&] { return mount->told > 0; }, 5 * options_.silence / 2);
  EXPECT_EQ(mount->told, 0);
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// One thing somebody does to a mount, and the request of it that is never answered.
struct Mute {
  std::uint32_t kind;
  std::string request;  // as it is told
  std::function<void(const std::string&)> act;
};

std::vector<Mute> all_mutes() {
  const auto with_file = [](int flags, auto act) {
    return [flags, act](const std::string& place) {
      const int file = ::open((place + "/file").c_str(), flags);
      if (file >= 0) act(file);
      ::close(file);
    };
  };
  static std::array<char, 4096> page;
  return {
      {FUSE_LOOKUP, "LOOKUP",
       [](const std::string& place) { (void)::access((place + "/name").c_str(), F_OK); }},
      {FUSE_GETATTR, "GETATTR",
       [](const std::string& place) {
         struct stat info = {};
         (void)::stat(place.c_str(), &info);
       }},
      {FUSE_OPENDIR, "OPEN",
       [](const std::string& place) { (void)::open(place.c_str(), O_RDONLY | O_DIRECTORY); }},
      {FUSE_READDIR, "READDIR",
       [](const std::string& place) {
         std::error_code ignored;
         for (fs::directory_iterator at(place, ignored), end; !ignored && at != end;)
           at.increment(ignored);
       }},
      {FUSE_OPEN, "OPEN", with_file(O_RDONLY, [](int) {})},
      {FUSE_READ, "READ",
       with_file(O_RDONLY, [](int file) { (void)!::read(file, page.data(), page.size()); })},
      {FUSE_READ, "READ",
       with_file(O_RDONLY,
                 [](int file) {
                   const void* const at = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
                   (void)*static_cast<const volatile char*>(at);
                 })},
      {FUSE_WRITE, "FSYNC",
       with_file(O_WRONLY,
                 [](int file) {
                   (void)!::write(file, page.data(), page.size());
                   (void)::fsync(file);
                 })},
      {FUSE_FSYNC, "FSYNC", with_file(O_WRONLY, [](int file) { (void)::fsync(file); })},
      {FUSE_FLUSH, "FLUSH", with_file(O_RDONLY, [](int) {})},
      {FUSE_SETATTR, "SETATTR",
       [](const std::string& place) { (void)::chmod((place + "/file").c_str(), 0600); }},
      {FUSE_SYNCFS, "SYNCFS", [](const std::string&) { ::sync(); }},
  };
}

// It still answers when it is asked whether it lives.
TEST_F(MountEndRunAsRoot, ADriverThatAnswersAllButOneKindIsStopped) {
  options_.heartbeat = 50ms;
  options_.silence = 500ms;
  for (const Mute& mute : all_mutes()) {
    auto mount = watched(fmt::format("mutes-{}", mute.kind));
    const pid_t victim = in_child([&, place = mount->live.mount_point] { mute.act(place); });
    EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 2s)) << mute.request;
    if (mount->told == 0) (void)FuseControl().abort(mount->live.filesystem);  // or all hangs
    const DriverDeath death = mount->death.value_or(DriverDeath{});
    EXPECT_EQ(death.kind, "hang") << mute.request;
    EXPECT_EQ(death.cause, fmt::format("did not answer {} for 0.5 s", mute.request));
    EXPECT_TRUE(run_until([&] { return ::waitpid(victim, nullptr, WNOHANG) != 0; }))
        << mute.request;
    EXPECT_TRUE(detach(mount->live).has_value());
    mount.reset();
    expect_nothing_left();
  }
}

// What the device does counts, but reading alone counts for a while only.
TEST_F(MountEndRunAsRoot, ADriverThatReadsInPlaceOfAnAnswerIsStoppedLater) {
  options_.heartbeat = 50ms;
  options_.silence = 300ms;
  auto mount = watched("reads-" + std::to_string(FUSE_GETATTR));
  const auto start = std::chrono::steady_clock::now();
  look_up(mount->live, "");
  EXPECT_TRUE(run_until([&] { return mount->told > 0; }));
  if (mount->told == 0) (void)FuseControl().abort(mount->live.filesystem);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5 * 300ms);
  EXPECT_EQ(mount->death.value_or(DriverDeath{}).cause, "did not answer GETATTR for 0.3 s");
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// It could be a flush of minutes. Who insists is not held up.
TEST_F(MountEndRunAsRoot, ADriverThatWritesInPlaceOfAnAnswerLivesUntilItIsForced) {
  options_.heartbeat = 50ms;
  options_.silence = 100ms;
  auto mount = watched("writes-" + std::to_string(FUSE_GETATTR));
  look_up(mount->live, "");
  (void)run_until([&] { return mount->told > 0; }, 20 * options_.silence);
  EXPECT_EQ(mount->told, 0);
  const auto result = unmount(mount->live, loops_.back()->source(), UnmountForce::kForce);
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_FALSE(result->flushed);
  mount.reset();
  expect_nothing_left();
}

long unreclaimable_kib() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (long kib = 0; word == "SUnreclaim:" && file >> kib) return kib;
  return -1;
}

// Each costs memory of the kernel that no limit of the driver counts.
TEST_F(MountEndRunAsRoot, ADriverThatFloodsTheKernelWithRequestsIsStopped) {
  const long before = unreclaimable_kib();
  auto mount = watched("flood");
  look_up(mount->live, "file");
  EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 1s));
  EXPECT_EQ(mount->death.value_or(DriverDeath{}).kind, "flood");
  // The driver takes the requests with it, in its own time and not in ours. One control for all
  // looks: closing it waits for the kernel, which is busy.
  FuseControl control;
  EXPECT_TRUE(run_until([&] { return control.waiting(mount->live.filesystem) == 0UL; }));
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
  // The kernel has it back.
  EXPECT_TRUE(run_until([&] { return unreclaimable_kib() < before + 64 * 1024; }))
      << before << " to " << unreclaimable_kib() << " KiB";
}

// The kernel closes what a process has a moment before it counts as ended, and who looks just then
// finds a mount without a driver.
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

// We would do nothing but read what it writes.
TEST_F(MountEndRunAsRoot, ADriverThatWritesItsLogWithoutEndIsReadNowAndThen) {
  auto mount = watched("serve");
  look_up(mount->live, "chatter");
  ASSERT_TRUE(run_until([&] { return !mount->watch->last_lines().empty(); }));
  EXPECT_LT(rounds_in(500ms), 100);
  ASSERT_EQ(::kill(mount->live.driver_pid, SIGKILL), 0);
  ASSERT_TRUE(run_until([&] { return mount->death.has_value(); }));
  ASSERT_FALSE(mount->death->last_lines.empty());
  EXPECT_EQ(mount->death->last_lines.back(), "Never a dull moment.");
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

TEST_F(MountEndRunAsRoot, NoHeartbeatIsNoneAtAll) {
  options_.heartbeat = 0ms;
  auto mount = watched("serve");
  run_for(50ms);
  EXPECT_LT(rounds_in(500ms), 20);
  EXPECT_TRUE(unmount(mount->live, loops_.back()->source()).has_value());
  mount.reset();
  expect_nothing_left();
}

// The kernel refuses nonsense by itself; the driver lives, and only its liar's word is lost.
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
  // Whoever closes it last waits for the driver.
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

// A driver that is busy writing keeps those waiting who ask it something, us among them.
TEST_F(MountEndRunAsRoot, OurOwnQuestionToABusyDriverIsNoReasonToSayBusy) {
  options_.heartbeat = 20ms;
  auto mount = watched("serve");
  stop(mount->live);
  look_up(mount->live, "anything");
  ASSERT_TRUE(run_until([&] { return is_asked_too(mount->live); }));
  ::kill(children_.back(), SIGKILL);
  ::waitpid(children_.back(), nullptr, 0);
  children_.clear();
  // Longer than anybody else would be waited for.
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
  // By the time "busy" is read, nobody waits for the driver any more.
  auto busy = loop_->after(0ms, [&] {
    std::this_thread::sleep_for(200ms);
    ::kill(mount->live.driver_pid, SIGCONT);
    ::waitpid(children_.back(), nullptr, 0);
    children_.clear();
    ticker_.emplace(*loop_);  // it was us who stood still
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
  // The second one looks as if it worked, and would for ever.
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

// The attempt under way says that it is in use, which does not count any more.
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

// Another server, whose mount has this number. There is none if another program of the machine was
// quicker.
struct OtherServer {
  explicit OtherServer(const std::string& folder) : folder_(folder) {}
  OtherServer(const OtherServer&) = delete;
  OtherServer& operator=(const OtherServer&) = delete;
  ~OtherServer() {
    for (const std::string& place : places_) (void)::umount2(place.c_str(), MNT_DETACH);
  }
  // The lowest free number is given away first.
  bool take(dev_t number) {
    for (int i = 0; i < 32; ++i) {
      mount_one();
      const auto table = read_mount_table("/proc/self/mountinfo").value();
      if (std::ranges::find(table, places_.back(), &MountEntry::mount_point)->device == number)
        return true;
      kept_.push_back(std::move(server_));
    }
    return false;
  }
  void mount_one() {
    places_.push_back(fmt::format("{}/other-{}", folder_, places_.size()));
    fs::create_directory(places_.back());
    server_ = UniqueFd(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    const std::string options =
        fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", server_.get());
    EXPECT_EQ(::mount("other", places_.back().c_str(), "fuse", 0, options.c_str()), 0);
  }
  [[nodiscard]] const std::string& place() const { return places_.back(); }
  [[nodiscard]] bool lives() const {
    std::array<char, 8192> greeting{};
    return ::read(server_.get(), greeting.data(), greeting.size()) > 0;
  }

 private:
  std::string folder_;
  std::vector<std::string> places_;
  UniqueFd server_;
  std::vector<UniqueFd> kept_;
};

// Anybody can have a server that never answers. Who waits for it must not be taken for somebody who
// waits for ours, also where nothing shows for which.
TEST_F(MountEndRunAsRoot, SomebodyElsesHungServerIsNotBlamedOnOurs) {
  options_.heartbeat = 50ms;
  options_.silence = 500ms;
  auto mount = watched("serve");
  keep_busy(mount->live);
  OtherServer other(folder_);
  other.mount_one();
  fs::create_directory_symlink(other.place(), folder_ + "/link");
  for (const std::string& path : {other.place(), folder_ + "/link/"})
    children_.push_back(in_child([path] {
      struct stat info = {};
      (void)::stat(path.c_str(), &info);
    }));
  (void)run_until([&] { return mount->told > 0; }, 10 * options_.silence);
  EXPECT_EQ(mount->told, 0);
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
}

// The number of a plain mount that has left is given to the next one, and names its connection.
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

// After umount -l somebody goes on copying files, which only reads.
TEST_F(MountEndRunAsRoot, WhatIsReadAfterALazyUnmountIsNotStopped) {
  options_.silence = 200ms;
  options_.last_wait = 100ms;
  auto mount = watched("serve");
  look_up(mount->live, "read-on");
  FuseControl control;
  // Whoever asks before the driver began is answered.
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

// A copy of the mount in another namespace keeps its driver, which may hold what nobody synced.
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

// The mount keeps a descriptor of its driver, so the loop would go on hearing of a closed copy.
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

// Its exit code says nothing of what it wrote: it never promised that.
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
  // Under way, and nobody can have been told yet: the loop does not run.
  std::this_thread::sleep_for(3ms);
  operation.reset();
  // So it is the watcher who tells, as of any unmount nobody here asked for.
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

// A driver somebody else reaps, as after a restart of the daemon.
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
  // Linux 6.15 and later tell; before, not knowing is the right answer.
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
  // Of a process of which the kernel tells no more than that it ended: no pidfd at all.
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
    // Whoever is told may be the last who kept it.
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
