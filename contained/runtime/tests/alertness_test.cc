// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/alertness.h"

#include <gtest/gtest.h>

namespace airlock {
namespace {

using namespace std::chrono_literals;

constexpr auto kSoon = 5us;
constexpr auto kLate = 1ms;

TEST(Alertness, SleepsUntilSomebodyHasAskedSoon) {
  Alertness alertness(2);
  EXPECT_FALSE(alertness.stays_awake());
  alertness.learn(kLate, false);
  EXPECT_FALSE(alertness.stays_awake());
  alertness.learn(kSoon, false);
  EXPECT_TRUE(alertness.stays_awake());
}

TEST(Alertness, StaysAwakeAsLongAsItIsWorthIt) {
  Alertness alertness(2);
  alertness.learn(kSoon, false);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(alertness.stays_awake());
    alertness.learn(kSoon, true);
  }
  alertness.learn(kLate, true);
  EXPECT_TRUE(alertness.stays_awake()) << "the program may have had something else to do once";
  alertness.learn(kLate, true);
  EXPECT_FALSE(alertness.stays_awake());
}

TEST(Alertness, WhoAsksNowAndThenIsSleptFor) {
  Alertness alertness(2);
  alertness.learn(kSoon, false);
  int moments_in_vain = 0;
  for (int i = 0; i < 1000; ++i) {
    const bool awake = alertness.stays_awake();
    if (awake) ++moments_in_vain;
    alertness.learn(kLate, awake);
  }
  EXPECT_LE(moments_in_vain, 3);
}

// Who asks runs on this very core, and so asks soon only if we sleep.
TEST(Alertness, GivesUpWhereItIsInTheWay) {
  Alertness alertness(2);
  int moments_in_vain = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool awake = alertness.stays_awake();
    if (awake) ++moments_in_vain;
    alertness.learn(awake ? kLate : kSoon, awake);
  }
  EXPECT_LT(moments_in_vain, 25);
  EXPECT_GT(moments_in_vain, 9);  // it does try again: the program may have moved
}

TEST(Alertness, ComesBackAfterAPause) {
  Alertness alertness(2);
  for (int burst = 0; burst < 50; ++burst) {
    int awake_for = 0;
    for (int i = 0; i < 20; ++i) {
      const bool awake = alertness.stays_awake();
      awake_for += awake ? 1 : 0;
      alertness.learn(i == 0 ? kLate : kSoon, awake);
    }
    ASSERT_GE(awake_for, 17) << burst;
  }
}

TEST(Alertness, OneCoreIsNotForWaiting) {
  Alertness alertness(1);
  alertness.learn(kSoon, false);
  EXPECT_FALSE(alertness.stays_awake());
}

}  // namespace
}  // namespace airlock
