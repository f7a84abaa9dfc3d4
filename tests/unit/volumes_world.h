// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/loop/idle.h"
#include "daemon/volumes/service.h"
#include "daemon/volumes/settings_rules.h"
#include "lib/base/journal.h"
#include "lib/base/log.h"
#include "tests/unit/fakes/fake_checking.h"
#include "tests/unit/fakes/fake_device_source.h"
#include "tests/unit/fakes/fake_handovers.h"
#include "tests/unit/fakes/fake_mounting.h"
#include "tests/unit/fakes/fake_people.h"
#include "tests/unit/fakes/fake_prober.h"
#include "tests/unit/fakes/fake_publisher.h"

namespace airlock {

using namespace std::chrono_literals;  // NOLINT: literals only

// One request of a test, and its answer. A request that is answered twice, or dropped without an
// answer, fails the test.
template <typename T>
class Asked {
 public:
  Reply<T> reply() {
    auto guard = std::make_shared<Guard>(story_);
    return [story = story_, guard](Result<T> result) {
      EXPECT_FALSE(story->result.has_value()) << "answered twice";
      story->result = std::move(result);
    };
  }
  [[nodiscard]] bool answered() const { return story_->result.has_value(); }
  [[nodiscard]] bool succeeded() const { return answered() && story_->result->has_value(); }
  [[nodiscard]] const Result<T>& result() const { return *story_->result; }
  // "ok", "nothing yet", or the message.
  [[nodiscard]] std::string message() const {
    if (!answered()) return "nothing yet";
    return succeeded() ? "ok" : story_->result->error().message();
  }
  [[nodiscard]] std::optional<Errc> code() const {
    if (!answered() || succeeded()) return std::nullopt;
    return story_->result->error().code;
  }

 private:
  struct Story {
    std::optional<Result<T>> result;
  };
  struct Guard {
    explicit Guard(std::shared_ptr<Story> story) : story_(std::move(story)) {}
    ~Guard() { EXPECT_TRUE(story_->result.has_value()) << "dropped without an answer"; }
    std::shared_ptr<Story> story_;
  };
  std::shared_ptr<Story> story_ = std::make_shared<Story>();
};

// airlockd without a bus, a kernel or people: everything around the VolumeService is a fake.
class CoreWorld : public testing::Test {
 protected:
  static constexpr uid_t kAnna = 1000;
  static constexpr uid_t kBela = 1001;
  const std::string anna = ":1000.1", bela = ":1001.1", root = ":0.1";

  CoreWorld() {
    journal_open("");
    log_open("core-test", LogLevel::kError);
    std::array<char, 32> pattern{};
    std::strcpy(pattern.data(), "/tmp/airlock-core.XXXXXX");
    folder = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(folder + "/media");
    callers.name_user(kAnna, "anna");
    callers.name_user(kBela, "bela");
  }
  ~CoreWorld() override {
    manager.reset();
    std::filesystem::remove_all(folder);
  }

  void start(VolumeSupervisor::Options options = {}) {
    options.mount_base = folder + "/media";
    options.death_grace = death_grace;
    options.retry = 20ms;
    auto opened = MountRecords::open(folder + "/mounts");
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    records = std::make_unique<MountRecords>(std::move(*opened));
    VolumeRules& the_rules = rules;
    manager = std::make_unique<VolumeService>(
        VolumeService::Parts{.volumes = {.loop = loop,
                                         .publisher = publisher,
                                         .devices = devices,
                                         .prober = prober,
                                         .mounting = mounting,
                                         .checking = checking,
                                         .sessions = sessions,
                                         .rules = the_rules,
                                         .records = *records},
                             .authority = authority,
                             .callers = callers,
                             .handovers = handovers,
                             .idle = idle},
        VolumeService::Options{.volumes = options, .version = "test", .driver_directories = {}});
    ASSERT_TRUE(manager->start().has_value());
  }

  // Goes round until nothing more happens.
  void settle() {
    for (int quiet = 0; quiet < 3;) quiet = *loop.run_once(0ms) ? 0 : quiet + 1;
  }
  template <typename Condition>
  bool wait_for(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!condition() && std::chrono::steady_clock::now() < end) (void)loop.run_once(10ms);
    return condition();
  }

  static ProbeRecord ext4(const std::string& label = "STICK") {
    return {.type = "ext4",
            .version = "1.0",
            .label = label,
            .uuid = "1234",
            .usage = ProbeUsage::kFilesystem,
            .state = MediumState::kClean};
  }
  // A stick with one ext4 partition: plug("sdb") makes sdb1.
  Device plug(const std::string& disk, const std::string& label = "STICK") {
    prober.put("/dev/" + disk + "1", ext4(label));
    return devices.plug_stick(disk);
  }
  static Call call_of(const std::string& sender, CallOptions options = {}) {
    return {.sender = sender, .options = std::move(options)};
  }
  Asked<std::string> mount(const std::string& sender, const std::string& volume,
                           CallOptions options = {}) {
    Asked<std::string> asked;
    manager->mount(call_of(sender, std::move(options)), volume, asked.reply());
    return asked;
  }
  Asked<void> unmount(const std::string& sender, const std::string& volume,
                      CallOptions options = {}) {
    Asked<void> asked;
    manager->unmount(call_of(sender, std::move(options)), volume, asked.reply());
    return asked;
  }
  Asked<void> eject(const std::string& sender, const std::string& volume,
                    CallOptions options = {}) {
    Asked<void> asked;
    manager->eject(call_of(sender, std::move(options)), volume, asked.reply());
    return asked;
  }
  Asked<std::string> recover(const std::string& sender, const std::string& volume,
                             const std::string& mode) {
    Asked<std::string> asked;
    manager->recover(call_of(sender), volume, mode, asked.reply());
    return asked;
  }
  Asked<void> detach(const std::string& sender, const std::string& volume) {
    Asked<void> asked;
    manager->detach(call_of(sender), volume, asked.reply());
    return asked;
  }
  Asked<void> cancel(const std::string& sender, const std::string& job) {
    Asked<void> asked;
    manager->cancel(call_of(sender), job, asked.reply());
    return asked;
  }
  // Nothing is going on and no request waits.
  void expect_quiet() {
    EXPECT_EQ(manager->open_requests(), 0U);
    EXPECT_EQ(manager->supervisor().jobs().size(), 0U);
    EXPECT_TRUE(publisher.jobs.empty());
    EXPECT_EQ(mounting.waiting(), 0U);
    EXPECT_EQ(checking.running(), 0U);
    EXPECT_EQ(prober.running(), 0U);
    EXPECT_EQ(authority.open(), 0U);
  }

  std::string folder;
  std::chrono::milliseconds death_grace{10'000};
  EventLoop loop = std::move(*EventLoop::create());
  FakeHandovers handovers{loop};
  FakeDeviceSource devices;
  test::FakeProber prober{loop};
  FakeMounting mounting{loop};
  FakeChecking checking;
  FakeSessions sessions;
  FakeCallers callers;
  FakeAuthority authority;
  FakePublisher publisher;
  SettingsRules rules{Settings{}};
  int idle_calls = 0;
  Idle idle{loop, 50ms, [this] { ++idle_calls; }};
  std::unique_ptr<MountRecords> records;
  std::unique_ptr<VolumeService> manager;
};

}  // namespace airlock
