// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/entry_timeouts.h"

#include <gtest/gtest.h>

#include "contained/runtime/reader_token.h"

namespace airlock {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto kFolded = FileSystem::Names::kFolded;
constexpr auto kLookup = EntryTimeouts::Reply::kLookup;
constexpr auto kListing = EntryTimeouts::Reply::kListing;
constexpr bool kItsOwn = false, kAnother = true;

TEST(EntryTimeouts, ExactNamesAreBelievedForGood) {
  EntryTimeouts timeouts;
  EXPECT_EQ(timeouts.seconds(FileSystem::Names::kExact, kItsOwn, kLookup), EntryTimeouts::kForGood);
}

TEST(EntryTimeouts, AnotherSpellingEndsAllBeliefOnceTheKernelHasForgotten) {
  EntryTimeouts timeouts;
  const auto told = Clock::now();
  ReaderToken token;
  ASSERT_TRUE(token.take());
  EXPECT_EQ(timeouts.seconds(kFolded, kItsOwn, kLookup), EntryTimeouts::kMoment);
  EXPECT_TRUE(token.is_held());
  EXPECT_EQ(timeouts.seconds(kFolded, kAnother, kLookup), 0);
  EXPECT_FALSE(token.is_held());  // others were answered meanwhile
  EXPECT_GT(Clock::now() - told, Seconds(EntryTimeouts::kMoment));
  EXPECT_EQ(timeouts.seconds(kFolded, kItsOwn, kLookup), 0);
  EXPECT_EQ(timeouts.seconds(kFolded, kAnother, kLookup), 0);
}

TEST(EntryTimeouts, NobodyWaitsWhenNothingIsBelieved) {
  EntryTimeouts timeouts;
  const auto begin = Clock::now();
  ReaderToken token;
  ASSERT_TRUE(token.take());
  EXPECT_EQ(timeouts.seconds(kFolded, kAnother, kLookup), 0);
  EXPECT_TRUE(token.is_held());
  EXPECT_LT(Clock::now() - begin, Seconds(EntryTimeouts::kMoment));
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
  EntryTimeouts patience_;
  int told_to_forget_ = 0;
};

TEST_F(ForgettingKernel, IsToldOnceAtTheFirstOtherSpelling) {
  const auto begin = Clock::now();
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kLookup), EntryTimeouts::kForGood);
  EXPECT_EQ(told_to_forget_, 0);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kLookup), 0);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kLookup), 0);
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kLookup), 0);
  EXPECT_EQ(told_to_forget_, 1);
  EXPECT_LT(Clock::now() - begin, Seconds(EntryTimeouts::kMoment));
}

TEST_F(ForgettingKernel, BelievesWhatWasListedForAMoment) {
  const auto told = Clock::now();
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kListing), EntryTimeouts::kMoment);
  EXPECT_EQ(patience_.seconds(kFolded, kAnother, kLookup), 0);
  EXPECT_GT(Clock::now() - told, Seconds(EntryTimeouts::kMoment));
  EXPECT_EQ(patience_.seconds(kFolded, kItsOwn, kListing), 0);
}

}  // namespace
}  // namespace airlock
