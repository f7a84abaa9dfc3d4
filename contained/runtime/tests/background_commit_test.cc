// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/background_commit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <semaphore>

namespace airlock {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;
constexpr auto kAtOnce = 3500ms;  // less than a few seconds of waiting for more
constexpr std::size_t kMuch = std::size_t{8} << 20;

class BackgroundCommitTest : public testing::Test {
 protected:
  void gather(std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    background_.gathered(bytes);
  }
  // As a commit does: it takes what there is under the lock.
  bool commit(bool more = true) {
    {
      const std::scoped_lock lock(mutex_);
      background_.taken();
    }
    ++commits_;
    committed_.release();
    return more;
  }

  std::mutex mutex_;
  std::counting_semaphore<> committed_{0};
  std::atomic<int> commits_ = 0;
  BackgroundCommit background_{mutex_};
};

TEST_F(BackgroundCommitTest, WhatIsToBeSoonIsWrittenAtOnce) {
  {
    const std::scoped_lock lock(mutex_);
    background_.soon();
  }
  background_.start([this] { return commit(); });
  ASSERT_TRUE(committed_.try_acquire_for(kAtOnce));
  background_.stop();
  EXPECT_EQ(commits_, 1);
}

TEST_F(BackgroundCommitTest, MuchIsWrittenAtOnceAndOnce) {
  background_.start([this] { return commit(); });
  gather(kMuch);
  ASSERT_TRUE(committed_.try_acquire_for(kAtOnce));
  gather(kMuch);
  ASSERT_TRUE(committed_.try_acquire_for(kAtOnce));
  background_.stop();
  EXPECT_EQ(commits_, 2);
}

TEST_F(BackgroundCommitTest, LittleWaitsForMore) {
  background_.start([this] { return commit(); });
  const auto begin = std::chrono::steady_clock::now();
  gather(1);
  gather(2);
  ASSERT_TRUE(committed_.try_acquire_for(kPatience));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 3s);
  background_.stop();
  EXPECT_EQ(commits_, 1);
}

TEST_F(BackgroundCommitTest, NothingIsNotWritten) {
  background_.start([this] { return commit(); });
  gather(0);
  background_.stop();
  EXPECT_EQ(commits_, 0);
}

TEST_F(BackgroundCommitTest, AfterAFailureThereIsNoOther) {
  background_.start([this] { return commit(false); });
  gather(kMuch);
  ASSERT_TRUE(committed_.try_acquire_for(kPatience));
  gather(kMuch);
  EXPECT_FALSE(committed_.try_acquire_for(100ms));
  background_.stop();
  EXPECT_EQ(commits_, 1);
}

TEST_F(BackgroundCommitTest, TheEndWaitsForACommitThatHasBegun) {
  std::promise<void> go_on;
  std::binary_semaphore begun{0};
  background_.start([&] {
    begun.release();
    go_on.get_future().wait();
    return commit();
  });
  gather(kMuch);
  ASSERT_TRUE(begun.try_acquire_for(kPatience));
  auto stopped = std::async(std::launch::async, [this] { background_.stop(); });
  EXPECT_EQ(stopped.wait_for(50ms), std::future_status::timeout);
  go_on.set_value();
  stopped.get();
  EXPECT_EQ(commits_, 1);
}

TEST_F(BackgroundCommitTest, CanEndWithoutHavingBegun) {
  background_.stop();
}

}  // namespace
}  // namespace airlock
