// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/mounting/kernel_mounting.h"
#include "daemon/system/mount_table.h"

namespace airlock {

namespace fs = std::filesystem;
using namespace std::chrono_literals;  // NOLINT: literals only

// Calls a function in a process of its own, which may hang or die; never waits for it.
template <typename Work>
pid_t in_child(Work work) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) work();  // else the parent is gone already, and no signal will come
    ::_exit(0);
  }
  return pid;
}

// A block device made from a file in the test's folder.
class LoopDevice {
 public:
  LoopDevice(const std::string& file, const std::string& first_word) : file_(file) {
    std::ofstream(file, std::ios::binary) << first_word << '\0';
    fs::resize_file(file, 1 << 20);
    const UniqueFd backing(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    // Other programs take loop devices at the same time.
    for (int attempt = 0; attempt < 100 && !held_.valid(); ++attempt) {
      path_ = "/dev/loop" + std::to_string(::ioctl(control.get(), LOOP_CTL_GET_FREE));
      UniqueFd device(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
      loop_config config{};
      config.fd = static_cast<std::uint32_t>(backing.get());
      if (device.valid() && ::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0)
        held_ = std::move(device);
    }
    EXPECT_TRUE(held_.valid());
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice() { pull(); }

  // Empties it while it may be open: nothing can be read or written any more.
  void empty() {
    fs::resize_file(file_, 0);
    (void)::ioctl(held_.get(), LOOP_SET_CAPACITY, 0);
  }
  void pull() {
    if (held_.valid()) (void)::ioctl(held_.get(), LOOP_CLR_FD, 0);
    held_.reset();
  }
  // The first word, which the tiny driver reads and writes.
  [[nodiscard]] std::string word() const {
    std::array<char, 16> word = {};
    (void)!::pread(held_.get(), word.data(), word.size() - 1, 0);
    return word.data();
  }
  void write(const std::string& word) {
    EXPECT_EQ(::pwrite(held_.get(), word.c_str(), word.size() + 1, 0),
              static_cast<ssize_t>(word.size() + 1));
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] MountSource source() const {
    struct stat info = {};
    EXPECT_EQ(::stat(path_.c_str(), &info), 0);
    MountSource source;
    source.path = path_;
    source.device = info.st_rdev;
    (void)::ioctl(held_.get(), _IOR(0x12, 128, std::uint64_t), &source.disk_sequence);
    return source;
  }
  // No mount and no driver has claimed it.
  [[nodiscard]] bool free() const {
    return UniqueFd(::open(path_.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC)).valid();
  }

 private:
  std::string file_, path_;
  UniqueFd held_;  // ours; does not prevent a claim
};

// Runs all the time and measures how long the loop was delayed, without the time for which this
// process was ready but had no processor.
class Ticker {
 public:
  explicit Ticker(EventLoop& loop) : loop_(loop) { arm(); }
  [[nodiscard]] std::chrono::nanoseconds worst() const { return worst_; }

 private:
  static constexpr auto kTick = 2ms;
  static std::chrono::nanoseconds run_delay() {
    std::ifstream file("/proc/thread-self/schedstat");
    std::int64_t running = 0, ready = 0;
    file >> running >> ready;
    return std::chrono::nanoseconds(ready);
  }
  void arm() {
    due_ = std::chrono::steady_clock::now() + kTick;
    delay_ = run_delay();
    timer_ = loop_.after(kTick, [this] { tick(); }).value();
  }
  void tick() {
    const auto late = std::chrono::steady_clock::now() - due_ - (run_delay() - delay_);
    worst_ = std::max(worst_, std::chrono::nanoseconds(late));
    arm();
  }
  EventLoop& loop_;
  std::chrono::steady_clock::time_point due_;
  std::chrono::nanoseconds delay_{}, worst_{};
  EventSource timer_;
};

// The delays of the machine itself meanwhile, measured by a process that only watches the clock.
// Load from elsewhere must not fail a test.
class Noise {
 public:
  Noise()
      : worst_(static_cast<std::atomic<std::int64_t>*>(
            ::mmap(nullptr, sizeof(std::atomic<std::int64_t>), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        watcher_(in_child([worst = worst_] {
          for (;;) {
            const auto due = std::chrono::steady_clock::now() + 2ms;
            std::this_thread::sleep_until(due);
            const std::int64_t late = (std::chrono::steady_clock::now() - due).count();
            if (late > *worst) *worst = late;
          }
        })) {}
  Noise(const Noise&) = delete;
  Noise& operator=(const Noise&) = delete;
  ~Noise() {
    ::kill(watcher_, SIGKILL);
    ::waitpid(watcher_, nullptr, 0);
    ::munmap(worst_, sizeof *worst_);
  }
  [[nodiscard]] std::chrono::nanoseconds worst() const {
    return std::chrono::nanoseconds(worst_->load());
  }
  [[nodiscard]] pid_t watcher() const { return watcher_; }

 private:
  std::atomic<std::int64_t>* worst_;  // shared with the watcher; starts as 0
  pid_t watcher_;
};

// Real mounts in a mount namespace of the test's own, with the tiny driver in place of airlock-ext.
class KernelMountingRunAsRoot : public testing::Test {
 protected:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr auto kLongestBlock = 1s;  // a fork copies a lot, beside another test
#else
  static constexpr auto kLongestBlock = 50ms;  // the longest that any call may block
#endif

  static void SetUpTestSuite() {
    static const bool once = [] {
      return ::unshare(CLONE_NEWNS) == 0 &&
             ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
             ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    }();
    ASSERT_TRUE(once) << "needs root";
  }

  KernelMountingRunAsRoot() {
    std::string pattern = "/tmp/airlock-mounting-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    EXPECT_EQ(::mount("none", folder_.c_str(), "tmpfs", 0, "mode=0755"), 0);
    fs::create_directory(folder_ + "/media");
    fs::create_directory(folder_ + "/drivers");
    fs::create_symlink(std::getenv("TINY_DRIVER"), folder_ + "/drivers/airlock-ext");
    options_.places = {.service_directories = {}, .program_directory = folder_ + "/drivers"};
    options_.base = folder_ + "/media";
    loop_.emplace(EventLoop::create().value());
    ticker_.emplace(*loop_);
  }
  ~KernelMountingRunAsRoot() override {
    EXPECT_LT(ticker_->worst(), kLongestBlock + noise_.worst());
    mounting_.reset();
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    loops_.clear();
    for (int i = 0; i < 100 && ::umount2(folder_.c_str(), MNT_DETACH) == 0; ++i) {
    }
    fs::remove(folder_);
  }

  KernelMounting& mounting() {
    if (!mounting_) mounting_ = std::make_unique<KernelMounting>(*loop_, options_);
    return *mounting_;
  }
  LoopDevice& add_loop(const std::string& first_word) {
    loops_.push_back(std::make_unique<LoopDevice>(
        folder_ + "/image" + std::to_string(loops_.size()), first_word));
    return *loops_.back();
  }
  [[nodiscard]] static MountDecision decision(bool fuseblk = true) {
    MountDecision decision;
    decision.subtype = "ext4";
    decision.user = 0;
    decision.user_name = "root";
    decision.folder_name = "STICK";
    decision.fuseblk = fuseblk;
    return decision;
  }

  // Ends a test that would wait for ever; not a limit for any operation.
  static constexpr auto kPatience = 60s;

  template <typename Condition>
  bool run_until(Condition condition, std::chrono::milliseconds at_most = kPatience) {
    const auto end = std::chrono::steady_clock::now() + at_most;
    while (!condition() && std::chrono::steady_clock::now() < end) (void)loop_->run_once(20ms);
    return condition();
  }
  // The condition has to hold within the time. A slow machine gets more: a multiple of its own
  // delays meanwhile.
  template <typename Condition>
  bool run_until_promised(Condition condition, std::chrono::milliseconds promise) {
    constexpr int kAllowed = 20;
    const auto begin = std::chrono::steady_clock::now();
    while (!condition() &&
           std::chrono::steady_clock::now() - begin < promise + kAllowed * noise_.worst())
      (void)loop_->run_once(20ms);
    return condition();
  }
  void run_for(std::chrono::milliseconds time) {
    (void)run_until([] { return false; }, time);
  }
  Result<LiveMount> mount(const MountSource& source, const MountDecision& wanted) {
    std::optional<Result<LiveMount>> result;
    auto operation =
        mounting().mount(source, wanted, {}, [&](auto done) { result = std::move(done); });
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    if (!result) return fail(Errc::kTimedOut, "no answer");
    return std::move(*result);
  }
  Result<Mounting::UnmountResult> unmount(const LiveMount& live, const MountSource& source,
                                          UnmountForce force = UnmountForce::kNone) {
    std::optional<Result<Mounting::UnmountResult>> result;
    auto operation = mounting().unmount(
        live, source, force, [](auto) {}, [&](auto done) { result = std::move(done); });
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    if (!result) return fail(Errc::kTimedOut, "no answer");
    return std::move(*result);
  }
  Result<bool> detach(const LiveMount& live) {
    std::optional<Result<bool>> result;
    auto operation = mounting().detach(live, [&](auto done) { result = std::move(done); });
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    return result ? *result : fail(Errc::kTimedOut, "no answer");
  }
  // Has a process look a name up, which may hang.
  void look_up(const LiveMount& live, const std::string& name) {
    children_.push_back(in_child([path = live.mount_point + "/" + name] {
      struct stat info = {};
      (void)::stat(path.c_str(), &info);
    }));
  }

  [[nodiscard]] std::size_t mounts() const {
    const auto table = read_mount_table("/proc/self/mountinfo").value();
    return static_cast<std::size_t>(std::ranges::count_if(table, [&](const MountEntry& entry) {
      return entry.mount_point.starts_with(options_.base);
    }));
  }
  [[nodiscard]] std::size_t folders() const {
    std::size_t count = 0;
    for (const auto& user : fs::directory_iterator(options_.base))
      count += static_cast<std::size_t>(
          std::distance(fs::directory_iterator(user), fs::directory_iterator()));
    return count;
  }
  // Children of this process that live or wait to be reaped, without the test's own.
  [[nodiscard]] std::vector<pid_t> processes() const {
    std::ifstream file("/proc/thread-self/children");
    std::vector<pid_t> found;
    for (pid_t pid = 0; file >> pid;)
      if (pid != noise_.watcher() && std::ranges::find(children_, pid) == children_.end())
        found.push_back(pid);
    return found;
  }
  // Errands that could not be killed at once, and drivers that died with theirs before they were
  // known: once dead they are left to the daemon's reaper of orphans. Here the test is that reaper.
  void reap_orphans() {
    for (const pid_t pid : processes()) ::waitpid(pid, nullptr, WNOHANG);
  }
  [[nodiscard]] bool at_rest() {
    if (!mounting().idle()) return false;
    reap_orphans();
    return processes().empty();
  }
  void expect_nothing_left() {
    EXPECT_TRUE(run_until([&] { return at_rest(); }));
    EXPECT_EQ(mounts(), 0U);
    EXPECT_EQ(folders(), 0U);
    EXPECT_EQ(processes(), std::vector<pid_t>{});
    for (const auto& loop : loops_) EXPECT_TRUE(run_until([&] { return loop->free(); }));
  }

  Noise noise_;
  std::string folder_;
  MountingOptions options_;
  std::optional<EventLoop> loop_;
  std::optional<Ticker> ticker_;
  std::unique_ptr<KernelMounting> mounting_;
  std::vector<std::unique_ptr<LoopDevice>> loops_;
  std::vector<pid_t> children_;
};

// A mount under watch, and the reports about it.
struct Watched {
  Watched(KernelMounting& mounting, LiveMount made) : live(std::move(made)) {
    watch = mounting.watch(live, {.on_death =
                                      [this](DriverDeath end) {
                                        death = std::move(end);
                                        ++told;
                                      },
                                  .on_unmounted =
                                      [this](Mounting::UnmountResult result) {
                                        unmounted = std::move(result);
                                        ++told;
                                      }});
  }
  LiveMount live;
  std::optional<DriverDeath> death;
  std::optional<Mounting::UnmountResult> unmounted;
  int told = 0;
  std::unique_ptr<MountWatch> watch;
};

}  // namespace airlock
