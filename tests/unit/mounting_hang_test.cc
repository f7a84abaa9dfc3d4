// SPDX-License-Identifier: GPL-2.0-or-later
// Drivers that live and do not answer, or that keep the daemon busy: they are told apart from
// merely slow ones, and stopped.
#include <linux/fuse.h>

#include <fstream>
#include <functional>
#include <iostream>

#include "tests/unit/mounting_end_fixture.h"

namespace airlock {
namespace {

// Its memory changes for ever, so changes count for a few deadlines only.
TEST_F(MountEndRunAsRoot, ADriverWhoseMemoryChangesForEverIsHungAllTheSame) {
  options_.heartbeat = 100ms;
  options_.silence = 300ms;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(death_after("churn", 10s).kind, "hang");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5 * 300ms);
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
  run_for(200ms);  // to measure the delays of this machine
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

// One operation on a mount, and the request in it that is never answered.
struct Mute {
  std::uint32_t kind;
  std::string request;  // as reported
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
      // Not sync(2), which might wait first for the hung mount of another test.
      {FUSE_SYNCFS, "SYNCFS",
       [](const std::string& place) {
         (void)::syncfs(::open(place.c_str(), O_RDONLY | O_DIRECTORY));
       }},
  };
}

// It still answers the question whether it lives.
TEST_F(MountEndRunAsRoot, ADriverThatAnswersAllButOneKindIsStopped) {
  options_.heartbeat = 50ms;
  options_.silence = 500ms;
  for (const Mute& mute : all_mutes()) {
    auto mount = watched(fmt::format("mutes-{}", mute.kind));
    const pid_t victim = in_child([&, place = mount->live.mount_point] { mute.act(place); });
    bool answered = false;
    EXPECT_TRUE(run_until_promised(
        [&] {
          answered = answered || ::waitpid(victim, nullptr, WNOHANG) != 0;
          return mount->told > 0 || answered;
        },
        2s))
        << mute.request;
    if (mount->told == 0) (void)FuseControl().abort(mount->live.filesystem);  // or all hangs
    if (mute.kind == FUSE_SYNCFS && answered && mount->told == 0) {
      std::cout << "this kernel does not send SYNCFS for a device\n";
      EXPECT_TRUE(detach(mount->live).has_value());
      continue;
    }
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

// Activity of the device counts, but reading alone counts for a while only.
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

// It could be a flush of minutes. A forced unmount does not wait for it.
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

// Any user can have a server that never answers. A process that waits for it must not be taken for
// one that waits for this driver, even if it is unclear for which it waits.
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

long unreclaimable_kib() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (long kib = 0; word == "SUnreclaim:" && file >> kib) return kib;
  return -1;
}

// Each costs kernel memory that no limit of the driver covers.
TEST_F(MountEndRunAsRoot, ADriverThatFloodsTheKernelWithRequestsIsStopped) {
  const long before = unreclaimable_kib();
  auto mount = watched("flood");
  look_up(mount->live, "file");
  EXPECT_TRUE(run_until_promised([&] { return mount->told > 0; }, 1s));
  EXPECT_EQ(mount->death.value_or(DriverDeath{}).kind, "flood");
  // The driver takes the requests with it, at its own pace. One control for all questions: closing
  // it waits for the kernel, which is busy.
  FuseControl control;
  EXPECT_TRUE(run_until([&] { return control.waiting(mount->live.filesystem) == 0UL; }));
  EXPECT_TRUE(detach(mount->live).has_value());
  mount.reset();
  expect_nothing_left();
  // The kernel has the memory back.
  EXPECT_TRUE(run_until([&] { return unreclaimable_kib() < before + 64 * 1024; }))
      << before << " to " << unreclaimable_kib() << " KiB";
}

// Otherwise the daemon would do nothing but read the driver's output.
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

}  // namespace
}  // namespace airlock
