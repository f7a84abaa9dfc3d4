// SPDX-License-Identifier: GPL-2.0-or-later
// Changes of settings are noticed, whatever files appear or go away.
#include <chrono>

#include "daemon/policy/settings_watch.h"
#include "tests/unit/policy_places.h"

namespace airlock::policy_test {
namespace {

using namespace std::chrono_literals;

class Watch : public PlacesTest {
 protected:
  void start() {
    auto watch = SettingsWatch::start(loop_, places_, [this] { ++changes_; });
    ASSERT_TRUE(watch) << watch.error().message();
    watch_.emplace(std::move(*watch));
  }
  // How many changes are reported within a time that is long for a debounce.
  int changes_within(std::chrono::milliseconds time) {
    changes_ = 0;
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) (void)loop_.run_once(20ms);
    return changes_;
  }
  // Waits for a change with a deadline that even a slow machine meets.
  bool notices() {
    changes_ = 0;
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (changes_ == 0 && std::chrono::steady_clock::now() < end) (void)loop_.run_once(100ms);
    return changes_ > 0;
  }

  EventLoop loop_ = EventLoop::create().value();
  std::optional<SettingsWatch> watch_;
  int changes_ = 0;
};

TEST_F(Watch, SaysNothingWhileNothingChanges) {
  write("etc/airlock.toml", "");
  start();
  EXPECT_EQ(changes_within(500ms), 0);
}

TEST_F(Watch, NoticesAFileThatChanges) {
  write("etc/airlock.toml", "");
  start();
  write("etc/airlock.toml", "exec = true\n");
  EXPECT_TRUE(notices());
  write("etc/airlock.toml", "exec = false\n");
  EXPECT_TRUE(notices());
  remove("etc/airlock.toml");
  EXPECT_TRUE(notices());
}

TEST_F(Watch, NoticesAFileThatIsRenamedIntoPlaceOrGetsOtherRights) {
  make_folder("etc");
  start();
  write("etc/new", "");
  std::filesystem::rename(path("etc/new"), path("etc/airlock.toml"));
  EXPECT_TRUE(notices());
  chmod(path("etc/airlock.toml").c_str(), 0600);
  EXPECT_TRUE(notices());
}

TEST_F(Watch, NoticesFoldersThatAppearLater) {
  start();
  make_folder("etc");
  EXPECT_TRUE(notices());
  make_folder("etc/airlock.toml.d");
  EXPECT_TRUE(notices());
  write("etc/airlock.toml.d/10.toml", "");
  EXPECT_TRUE(notices());
  write("usr/airlock.toml.d/10.toml", "");
  EXPECT_TRUE(notices());
  write("usr/airlock.toml.d/20.toml", "");
  EXPECT_TRUE(notices());
}

TEST_F(Watch, NoticesFoldersThatGoAndComeAgain) {
  write("etc/airlock.toml.d/10.toml", "");
  start();
  remove("etc");
  EXPECT_TRUE(notices());
  write("etc/airlock.toml.d/10.toml", "");
  EXPECT_TRUE(notices());
  (void)changes_within(500ms);
  write("etc/airlock.toml.d/10.toml", "exec = true\n");
  EXPECT_TRUE(notices());
}

TEST_F(Watch, DoesNotCareForOtherFiles) {
  write("etc/airlock.toml.d/10.toml", "");
  start();
  write("etc/passwd", "");
  write("etc/airlock.toml.d/README", "");
  write("etc/airlock.toml.d/10.toml~", "");
  EXPECT_EQ(changes_within(500ms), 0);
}

TEST_F(Watch, SaysManyChangesOnce) {
  make_folder("etc/airlock.toml.d");
  start();
  for (int i = 0; i < 50; ++i) write(fmt::format("etc/airlock.toml.d/{}.toml", i), "");
  EXPECT_EQ(changes_within(1000ms), 1);
}

TEST_F(Watch, DoesNotWaitForeverForQuiet) {
  make_folder("etc/airlock.toml.d");
  start();
  changes_ = 0;
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (changes_ == 0 && std::chrono::steady_clock::now() < end) {
    write("etc/airlock.toml.d/busy.toml", "");
    (void)loop_.run_once(20ms);
  }
  EXPECT_EQ(changes_, 1);
}

TEST_F(Watch, ReloadSaysSoAtOnceAndOnlyOnce) {
  write("etc/airlock.toml", "");
  start();
  write("etc/airlock.toml", "exec = true\n");
  watch_->reload();
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(changes_within(500ms), 0);
}

TEST_F(Watch, IsQuietOnceItIsGone) {
  write("etc/airlock.toml", "");
  start();
  write("etc/airlock.toml", "exec = true\n");
  (void)loop_.run_once(100ms);  // the change has been seen, the quiet time runs
  watch_.reset();
  EXPECT_EQ(changes_within(500ms), 0);
}

}  // namespace
}  // namespace airlock::policy_test
