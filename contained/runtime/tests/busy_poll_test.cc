// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/busy_poll.h"

#include <gtest/gtest.h>

namespace airlock {
namespace {

using namespace std::chrono_literals;

constexpr auto kSoon = 5us;
constexpr auto kLate = 1ms;

TEST(BusyPoll, SleepsUntilSomebodyHasAskedSoon) {
  BusyPoll busy_poll(2);
  EXPECT_FALSE(busy_poll.stays_awake());
  busy_poll.learn(kLate, false);
  EXPECT_FALSE(busy_poll.stays_awake());
  busy_poll.learn(kSoon, false);
  EXPECT_TRUE(busy_poll.stays_awake());
}

TEST(BusyPoll, StaysAwakeAsLongAsItIsWorthIt) {
  BusyPoll busy_poll(2);
  busy_poll.learn(kSoon, false);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(busy_poll.stays_awake());
    busy_poll.learn(kSoon, true);
  }
  busy_poll.learn(kLate, true);
  EXPECT_TRUE(busy_poll.stays_awake()) << "the program may have had something else to do once";
  busy_poll.learn(kLate, true);
  EXPECT_FALSE(busy_poll.stays_awake());
}

TEST(BusyPoll, WhoAsksNowAndThenIsSleptFor) {
  BusyPoll busy_poll(2);
  busy_poll.learn(kSoon, false);
  int moments_in_vain = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool awake = busy_poll.stays_awake();
    if (awake) ++moments_in_vain;
    busy_poll.learn(kLate, awake);
  }
  EXPECT_LE(moments_in_vain, 3);
}

// Who asks runs on this very core, and so asks soon only if we sleep.
TEST(BusyPoll, GivesUpWhereItIsInTheWay) {
  BusyPoll busy_poll(2);
  int moments_in_vain = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool awake = busy_poll.stays_awake();
    if (awake) ++moments_in_vain;
    busy_poll.learn(awake ? kLate : kSoon, awake);
  }
  EXPECT_LT(moments_in_vain, 25);
  EXPECT_GT(moments_in_vain, 9);  // it does try again: the program may have moved
}

TEST(BusyPoll, ComesBackAfterAPause) {
  BusyPoll busy_poll(2);
  for (int burst = 0; burst < 50; ++burst) {
    int awake_for = 0;
    for (int i = 0; i < 20; ++i) {
      const bool awake = busy_poll.stays_awake();
      awake_for += awake ? 1 : 0;
      busy_poll.learn(i == 0 ? kLate : kSoon, awake);
    }
    ASSERT_GE(awake_for, 17) << burst;
  }
}

TEST(BusyPoll, OneCoreIsNotForWaiting) {
  BusyPoll busy_poll(1);
  busy_poll.learn(kSoon, false);
  EXPECT_FALSE(busy_poll.stays_awake());
}

}  // namespace
}  // namespace airlock
