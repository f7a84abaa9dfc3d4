// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/name_patience.h"

#include <gtest/gtest.h>

#include "contained/runtime/lead.h"

namespace airlock {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto kFolded = FileSystem::Names::kFolded;
constexpr auto kAlone = NamePatience::Told::kAlone;
constexpr auto kInList = NamePatience::Told::kInList;
constexpr bool kItsOwn = false, kAnother = true;

TEST(NamePatience, ExactNamesAreBelievedForGood) {
  NamePatience patience;
  EXPECT_EQ(patience.seconds(FileSystem::Names::kExact, kItsOwn, kAlone), NamePatience::kForGood);
}

TEST(NamePatience, AnotherSpellingEndsAllBeliefOnceTheKernelHasForgotten) {
  NamePatience patience;
  const auto told = Clock::now();
  Lead lead;
  ASSERT_TRUE(lead.take());
  EXPECT_EQ(patience.seconds(kFolded, kItsOwn, kAlone), NamePatience::kMoment);
  EXPECT_TRUE(lead.is_held());
  EXPECT_EQ(patience.seconds(kFolded, kAnother, kAlone), 0);
  EXPECT_FALSE(lead.is_held());  // others were answered meanwhile
  EXPECT_GT(Clock::now() - told, Seconds(NamePatience::kMoment));
  EXPECT_EQ(patience.seconds(kFolded, kItsOwn, kAlone), 0);
  EXPECT_EQ(patience.seconds(kFolded, kAnother, kAlone), 0);
}

TEST(NamePatience, NobodyWaitsWhenNothingIsBelieved) {
  NamePatience patience;
  const auto begin = Clock::now();
  Lead lead;
  ASSERT_TRUE(lead.take());
  EXPECT_EQ(patience.seconds(kFolded, kAnother, kAlone), 0);
  EXPECT_TRUE(lead.is_held());
  EXPECT_LT(Clock::now() - begin, Seconds(NamePatience::kMoment));
}

// The kernel as far as it can be told to forget.
class ForgettingKernel : public testing::Test {
 protected:
  ForgettingKernel() {
    patience_.forget_with([this] {
      ++told_to_forget_;
      return true;
    });
  }
  NamePatience patience_;
  int told_to_forget_ = 0;
};

TEST_F(ForgettingKernel, IsToldOnceAtTheFirstOtherSpelling) {
  const auto begin = Clock::now();
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kAlone), NamePatience::kForGood);
  EXPECT_EQ(told_to_forget_, 0);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kAlone), 0);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kAlone), 0);
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kAlone), 0);
  EXPECT_EQ(told_to_forget_, 1);
  EXPECT_LT(Clock::now() - begin, Seconds(NamePatience::kMoment));
}

TEST_F(ForgettingKernel, BelievesWhatWasListedForAMoment) {
  const auto told = Clock::now();
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kInList), NamePatience::kMoment);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kAlone), 0);
  EXPECT_GT(Clock::now() - told, Seconds(NamePatience::kMoment));
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kInList), 0);
}

}  // namespace
}  // namespace airlock
