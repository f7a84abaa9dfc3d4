// SPDX-License-Identifier: GPL-2.0-or-later
// How mounts come and go: real devices, real processes, the real kernel.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <random>

#include "daemon/launch/service_peer.h"
#include "tests/unit/fakes/file_here.h"
#include "tests/unit/mounting_fixture.h"

namespace airlock {
namespace {

TEST_F(KernelMountingRunAsRoot, AMountIsThereWithEverythingKnownOfIt) {
  auto& loop = add_loop("serve");
  auto live = mount(loop.source(), decision());
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_EQ(live->mount_point, options_.base + "/root/STICK");
  EXPECT_EQ(live->driver, "airlock-ext");
  EXPECT_EQ(live->origin, "builtin");
  EXPECT_EQ(live->filesystem, loop.source().device);
  EXPECT_TRUE(live->fuseblk);
  EXPECT_FALSE(live->read_only);
  EXPECT_GT(live->driver_pid, 0);
  EXPECT_GT(live->driver_start, 0U);
  EXPECT_GE(live->driver_user, 0x7a000000U);
  EXPECT_TRUE(live->life.valid());
  EXPECT_TRUE(live->log.valid());
  const auto table = read_mount_table("/proc/self/mountinfo").value();
  const auto* entry = find_mount(table, live->mount_id, live->filesystem);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->mount_point, live->mount_point);
  EXPECT_EQ(entry->type, "fuseblk.airlock.ext4");
  const auto result = unmount(*live, loop.source());
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_TRUE(result->flushed) << result->warning;
  EXPECT_EQ(result->warning, "");
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, AFolderOfTheCallersIsUsedAndLeftToTheCaller) {
  const std::string folder = folder_ + "/theirs";
  fs::create_directory(folder);
  MountDecision there = decision();
  there.place = file_here(UniqueFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
  auto& loop = add_loop("serve");
  auto live = mount(loop.source(), there);
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_EQ(live->mount_point, folder);
  EXPECT_EQ(folders(), 0U);
  const auto second = mount(add_loop("serve").source(), there);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Errc::kBusy) << second.error().message();
  EXPECT_TRUE(unmount(*live, loop.source()).has_value());
  EXPECT_TRUE(fs::exists(folder));
  EXPECT_FALSE(mount(add_loop("refuse").source(), there).has_value());
  EXPECT_TRUE(fs::exists(folder));
  fs::remove(folder);
  EXPECT_EQ(mount(add_loop("serve").source(), there).error().code, Errc::kNotFound);
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, PlainFuseHoldsTheDeviceUntilItsDriverHasEnded) {
  auto& loop = add_loop("serve");
  auto live = mount(loop.source(), decision(/*fuseblk=*/false));
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_FALSE(live->fuseblk);
  EXPECT_FALSE(loop.free());
  const auto result = unmount(*live, loop.source());
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->flushed) << result->warning;
  EXPECT_TRUE(loop.free());
  expect_nothing_left();
}

// Otherwise the device would have no claim, and the kernel could mount it beside the driver.
TEST_F(KernelMountingRunAsRoot, ADriverCannotDoWithoutTheKernelsClaim) {
  auto& loop = add_loop("plain");
  const auto live = mount(loop.source(), decision(/*fuseblk=*/true));
  ASSERT_FALSE(live.has_value()) << "the device is free: " << loop.free();
  EXPECT_EQ(live.error().code, Errc::kNotPermitted);
  EXPECT_TRUE(live.error().message().contains("without the kernel's claim"))
      << live.error().message();
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, TheDriverTellsWhyItIsReadOnly) {
  auto live = mount(add_loop("read-only").source(), decision());
  ASSERT_TRUE(live.has_value());
  EXPECT_TRUE(live->read_only);
  EXPECT_EQ(live->read_only_reason, "the journal must be replayed");
  EXPECT_TRUE(detach(*live).has_value());
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, ARefusalCarriesTheDriversWordsAndLeavesNothing) {
  const auto live = mount(add_loop("refuse").source(), decision());
  ASSERT_FALSE(live.has_value());
  EXPECT_NE(live.error().message().find("wants to be refused"), std::string::npos)
      << live.error().message();
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, ADriverThatDiesWhileMountingIsNamed) {
  const auto live = mount(add_loop("vanish").source(), decision());
  ASSERT_FALSE(live.has_value());
  EXPECT_EQ(live.error().code, Errc::kWorkerDied) << live.error().message();
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, AnotherMediumInTheDriveIsNotMounted) {
  auto source = add_loop("serve").source();
  ASSERT_NE(source.disk_sequence, 0U);
  ++source.disk_sequence;
  EXPECT_EQ(mount(source, decision()).error().code, Errc::kNotFound);
  source = loops_.back()->source();
  ++source.device;
  EXPECT_EQ(mount(source, decision()).error().code, Errc::kNotFound);
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, ADeviceInUseIsBusy) {
  auto& loop = add_loop("serve");
  auto live = mount(loop.source(), decision());
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(mount(loop.source(), decision()).error().code, Errc::kBusy);
  EXPECT_EQ(folders(), 1U);
  EXPECT_TRUE(unmount(*live, loop.source())->flushed);
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, ADriverThatNeverAnswersIsNoMount) {
  options_.silence = 300ms;
  for (const char* behaviour : {"mute", "garbled"}) {
    const auto live = mount(add_loop(behaviour).source(), decision());
    ASSERT_FALSE(live.has_value()) << behaviour;
    expect_nothing_left();
  }
}

TEST_F(KernelMountingRunAsRoot, AMountTakesNoLongerThanItsDeadline) {
  options_.session.command = 100ms;
  options_.session.examine = 100ms;
  const auto live = mount(add_loop("late").source(), decision());
  ASSERT_FALSE(live.has_value());
  EXPECT_EQ(live.error().code, Errc::kTimedOut) << live.error().message();
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, TenAtOnceMountSideBySide) {
  std::vector<std::unique_ptr<PendingOperation>> operations;
  std::vector<LiveMount> live;
  int failed = 0;
  for (int i = 0; i < 10; ++i) add_loop("held");
  for (const auto& loop : loops_)
    operations.push_back(mounting().mount(loop->source(), decision(), {}, [&](auto done) {
      if (done)
        live.push_back(std::move(*done));
      else
        ++failed;
    }));
  // None continues before all have come this far.
  EXPECT_TRUE(run_until([&] {
    return std::ranges::all_of(loops_, [](const auto& loop) { return loop->word() == "here"; });
  }));
  EXPECT_TRUE(live.empty());
  for (const auto& loop : loops_) loop->write("serve");
  EXPECT_TRUE(run_until([&] { return live.size() == 10; }));
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(mounts(), 10U);
  for (const LiveMount& one : live) EXPECT_TRUE(detach(one).has_value());
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, MoreThanTheLimitWaitInLine) {
  options_.errands_at_once = 2;
  std::vector<std::unique_ptr<PendingOperation>> operations;
  std::vector<LiveMount> live;
  for (int i = 0; i < 6; ++i)
    operations.push_back(
        mounting().mount(add_loop("serve").source(), decision(), {}, [&](auto done) {
          if (done) live.push_back(std::move(*done));
        }));
  // One that is cancelled before its turn is never begun.
  operations.pop_back();
  EXPECT_TRUE(run_until([&] { return live.size() == 5; }));
  for (const LiveMount& one : live) EXPECT_TRUE(detach(one).has_value());
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, CancelledAtAnyMomentNothingIsLeft) {
  auto& loop = add_loop("serve");
  std::minstd_rand random(7);
  // About half of the moments should be before the answer, however long this machine needs for a
  // mount.
  auto usual = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    std::optional<LiveMount> live;
    auto operation = mounting().mount(loop.source(), decision(), {}, [&](auto done) {
      if (done) live = std::move(*done);
    });
    ASSERT_TRUE(run_until([&] { return live.has_value(); }));
    usual = std::min(usual, std::chrono::steady_clock::now() - start);
    EXPECT_TRUE(detach(*live).has_value());
    ASSERT_TRUE(run_until([&] { return at_rest() && loop.free(); }));
  }
  std::uniform_int_distribution<std::int64_t> moment(
      0, std::chrono::duration_cast<std::chrono::microseconds>(2 * usual).count());
  int answered = 0;
  for (int round = 0; round < 100; ++round) {
    std::optional<LiveMount> live;
    auto operation = mounting().mount(loop.source(), decision(round % 2 == 0), {}, [&](auto done) {
      if (done) live = std::move(*done);
    });
    const auto wait = std::chrono::microseconds(moment(random));
    const auto end = std::chrono::steady_clock::now() + wait;
    while (std::chrono::steady_clock::now() < end && !live) (void)loop_->run_once(1ms);
    operation.reset();
    EXPECT_TRUE(run_until([&] { return mounting().idle(); }));
    if (live) {
      ++answered;
      EXPECT_TRUE(detach(*live).has_value());
    }
    ASSERT_EQ(mounts(), 0U) << "round " << round;
    ASSERT_EQ(folders(), 0U) << "round " << round;
    ASSERT_TRUE(run_until([&] { return at_rest(); })) << "round " << round;
    ASSERT_TRUE(run_until([&] { return loop.free(); })) << "round " << round;
  }
  RecordProperty("answered", answered);
  EXPECT_LT(answered, 90);  // else the moments were not random enough to mean anything
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, ADevicePulledWhileMountingEndsInOneAnswer) {
  for (const int after : {0, 5, 15, 30, 60}) {
    auto& loop = add_loop("late");
    int answers = 0;
    bool mounted = false;
    LiveMount live;
    auto operation = mounting().mount(loop.source(), decision(), {}, [&](auto done) {
      ++answers;
      mounted = done.has_value();
      if (mounted) live = std::move(*done);
    });
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(after);
    while (std::chrono::steady_clock::now() < end) (void)loop_->run_once(1ms);
    loop.empty();
    EXPECT_TRUE(run_until([&] { return answers > 0; }));
    if (mounted) {
      EXPECT_TRUE(detach(live).has_value());
    }
    loops_.clear();
    expect_nothing_left();
    EXPECT_EQ(answers, 1);
  }
}

// A stand-in for a service manager: it starts one driver per connection.
TEST_F(KernelMountingRunAsRoot, AServiceIsNamedWithTheProcessThatAnswered) {
  const std::string sockets = folder_ + "/sockets";
  const std::string driver = std::getenv("TINY_DRIVER");
  fs::create_directory(sockets);
  options_.places.service_directories = {sockets};
  children_.push_back(in_child([&] {
    ::execlp("systemd-socket-activate", "systemd-socket-activate", "--seqpacket", "--accept", "-l",
             (sockets + "/ext4").c_str(), driver.c_str(), nullptr);
  }));
  ASSERT_TRUE(run_until([&] { return fs::exists(sockets + "/ext4"); }));
  auto live = mount(add_loop("serve").source(), decision());
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_EQ(live->origin, sockets);
  ASSERT_GT(live->driver_pid, 0);
  EXPECT_EQ(fs::path(driver),
            fs::read_symlink("/proc/" + std::to_string(live->driver_pid) + "/exe"));
  EXPECT_TRUE(live->life.valid());
  EXPECT_FALSE(live->log.valid());
  Watched watched(mounting(), std::move(*live));
  ::kill(watched.live.driver_pid, SIGKILL);
  EXPECT_TRUE(run_until_promised([&] { return watched.death.has_value(); }, 1s));
  EXPECT_TRUE(detach(watched.live).has_value());
  watched.watch.reset();
  expect_nothing_left();
}

// Nothing accepts; something accepts and says nothing; something accepts and goes.
TEST_F(KernelMountingRunAsRoot, AServiceThatDoesNotAnswerIsReplacedByOurOwnSandbox) {
  for (const int seconds_until_it_goes : {-1, 3600, 0}) {
    const std::string sockets = fmt::format("{}/sockets{}", folder_, seconds_until_it_goes);
    fs::create_directory(sockets);
    options_.places.service_directories = {sockets};
    options_.session.hello = 300ms;
    mounting_.reset();
    const std::string path = sockets + "/ext4";
    UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 4), 0);
    if (seconds_until_it_goes >= 0)
      children_.push_back(in_child([&] {
        const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ::sleep(static_cast<unsigned>(seconds_until_it_goes));
      }));
    auto live = mount(add_loop("serve").source(), decision());
    ASSERT_TRUE(live.has_value()) << seconds_until_it_goes << ": " << live.error().message();
    EXPECT_EQ(live->origin, "builtin");
    EXPECT_TRUE(detach(*live).has_value());
  }
  expect_nothing_left();
}

TEST(ServicePeer, TheUnitIsTheLastServiceOfACgroup) {
  EXPECT_EQ(unit_in_cgroup("0::/system.slice/airlock-ext@3.service"), "airlock-ext@3.service");
  EXPECT_EQ(unit_in_cgroup("0::/system.slice/a.service/payload"), "a.service");
  EXPECT_EQ(unit_in_cgroup("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"),
            "x.service");
  EXPECT_EQ(unit_in_cgroup("0::/init.scope"), "");
  EXPECT_EQ(unit_in_cgroup("0::/.service"), "");
  EXPECT_EQ(unit_in_cgroup(""), "");
}

// An image of a user who could not open a device: the descriptor alone matters.
MountSource image(const std::string& file, const std::string& first_word, int flags) {
  std::ofstream(file, std::ios::binary) << first_word << '\0';
  fs::resize_file(file, 1 << 20);
  MountSource source;
  source.path = file;
  source.image = file_here(UniqueFd(::open(file.c_str(), flags | O_CLOEXEC)));
  return source;
}

TEST_F(KernelMountingRunAsRoot, AnImageIsMountedFromItsDescriptorAlone) {
  const auto source = image(folder_ + "/picture", "serve", O_RDWR);
  fs::remove(source.path);  // so it cannot be looked up any more
  auto wanted = decision(/*fuseblk=*/false);
  wanted.user = 1000;
  wanted.group = 1000;
  wanted.user_name = "alice";
  auto live = mount(source, wanted);
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_FALSE(live->read_only);
  EXPECT_FALSE(live->fuseblk);
  const auto result = unmount(*live, source);
  ASSERT_TRUE(result.has_value()) << result.error().message();
  EXPECT_TRUE(result->flushed) << result->warning;
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, AnImageOpenedForReadingIsReadOnly) {
  const auto source = image(folder_ + "/picture", "serve", O_RDONLY);
  auto live = mount(source, decision(/*fuseblk=*/false));
  ASSERT_TRUE(live.has_value()) << live.error().message();
  EXPECT_TRUE(live->read_only);
  EXPECT_EQ(live->read_only_reason, "the medium is write-protected");
  EXPECT_TRUE(unmount(*live, source)->flushed);
  expect_nothing_left();
}

TEST_F(KernelMountingRunAsRoot, WhatIsNoImageIsRefused) {
  MountSource source;
  source.path = "picture";
  for (const char* path : {"/dev/null", "/tmp"}) {
    source.image = file_here(UniqueFd(::open(path, O_RDONLY | O_CLOEXEC)));
    EXPECT_EQ(mount(source, decision(false)).error().code, Errc::kInvalidArgument) << path;
  }
  auto unread = image(folder_ + "/picture", "serve", O_WRONLY);
  EXPECT_EQ(mount(unread, decision(false)).error().code, Errc::kInvalidArgument);
  unread.image = file_here(UniqueFd(::open(unread.path.c_str(), O_PATH | O_CLOEXEC)));
  EXPECT_EQ(mount(unread, decision(false)).error().code, Errc::kInvalidArgument);
  expect_nothing_left();
}

}  // namespace
}  // namespace airlock
