// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/name_patience.h"

#include <gtest/gtest.h>

namespace airlock {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr bool kItsOwn = false, kAnother = true;

TEST(NamePatience, ExactNamesAreBelievedForGood) {
  NamePatience patience;
  EXPECT_EQ(patience.seconds(FileSystem::Names::kExact, kItsOwn), NamePatience::kForGood);
}

TEST(NamePatience, AnotherSpellingEndsAllBeliefOnceTheKernelHasForgotten) {
  NamePatience patience;
  const auto told = Clock::now();
  EXPECT_EQ(patience.seconds(FileSystem::Names::kFolded, kItsOwn), NamePatience::kMoment);
  EXPECT_EQ(patience.seconds(FileSystem::Names::kFolded, kAnother), 0);
  EXPECT_GT(Clock::now() - told, Seconds(NamePatience::kMoment));
  EXPECT_EQ(patience.seconds(FileSystem::Names::kFolded, kItsOwn), 0);
  EXPECT_EQ(patience.seconds(FileSystem::Names::kFolded, kAnother), 0);
}

TEST(NamePatience, NobodyWaitsWhenNothingIsBelieved) {
  NamePatience patience;
  const auto begin = Clock::now();
  EXPECT_EQ(patience.seconds(FileSystem::Names::kFolded, kAnother), 0);
  EXPECT_LT(Clock::now() - begin, Seconds(NamePatience::kMoment));
}

}  // namespace
}  // namespace airlock
