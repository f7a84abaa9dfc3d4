// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/node_locks.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>

namespace airlock {
namespace {

constexpr std::uint64_t kFile = 7;

TEST(NodeLocks, FreeOnesDoNotCostTheLead) {
  NodeLocks locks;
  ReaderToken token;
  ASSERT_TRUE(token.take());
  {
    const auto one = locks.keep_still(kFile);
    const auto other = locks.keep_still(kFile);
    EXPECT_TRUE(one.owns_lock() && other.owns_lock());
  }
  EXPECT_TRUE(locks.change(kFile).owns_lock());
  EXPECT_TRUE(token.is_held());
}

TEST(NodeLocks, WhoWaitsForOneGivesTheLeadAway) {
  NodeLocks locks;
  ReaderToken token;
  std::latch leads(1);
  auto reading = locks.keep_still(kFile);
  auto changed = std::async(std::launch::async, [&] {
    EXPECT_TRUE(token.take());
    leads.count_down();
    const auto changing = locks.change(kFile);
    EXPECT_TRUE(changing.owns_lock());
    return token.is_held();
  });
  leads.wait();
  ASSERT_TRUE(token.take());  // while the other waits
  EXPECT_EQ(changed.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  reading.unlock();
  EXPECT_FALSE(changed.get());
}

}  // namespace
}  // namespace airlock
