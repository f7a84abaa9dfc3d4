// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <string>

#include "daemon/bus/call_options.h"
#include "daemon/bus/caller_limits.h"

namespace airlock {
namespace {

constexpr OptionSet kAll = kNoUserInteraction | kMountOptions | kType | kForce | kLazy;

template <typename T>
BusOptions one(const char* key, T value) {
  BusOptions options;
  options.emplace(key, sdbus::Variant(value));
  return options;
}

TEST(CallOptions, EveryKeyReachesItsField) {
  BusOptions options = one("auth.no_user_interaction", true);
  options.emplace("options", sdbus::Variant(std::string("ro,sync")));
  options.emplace("fstype", sdbus::Variant(std::string("ext4")));
  options.emplace("force", sdbus::Variant(true));
  options.emplace("lazy", sdbus::Variant(true));
  const auto read = read_options(options, kAll);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->no_user_interaction);
  EXPECT_EQ(read->mount_options, "ro,sync");
  EXPECT_EQ(read->type, "ext4");
  EXPECT_TRUE(read->force);
  EXPECT_TRUE(read->lazy);
}

TEST(CallOptions, NothingGivenMeansNothingAskedFor) {
  const auto read = read_options({}, kAll);
  ASSERT_TRUE(read.has_value());
  EXPECT_FALSE(read->no_user_interaction);
  EXPECT_FALSE(read->force);
  EXPECT_TRUE(read->mount_options.empty());
}

TEST(CallOptions, AnUnknownKeyIsRefusedByName) {
  const auto read = read_options(one("forced", true), kAll);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Errc::kInvalidArgument);
  EXPECT_NE(read.error().message().find("\"forced\""), std::string::npos);
}

TEST(CallOptions, AKeyOfAnotherMethodIsRefused) {
  EXPECT_TRUE(read_options(one("lazy", true), kLazy).has_value());
  EXPECT_FALSE(read_options(one("lazy", true), kForce).has_value());
  EXPECT_FALSE(read_options(one("lazy", true), kNoOptions).has_value());
}

TEST(CallOptions, AValueOfAnotherTypeIsRefusedByName) {
  for (const auto& options :
       {one("force", std::string("yes")), one("force", std::int32_t{1}), one("options", true)}) {
    const auto read = read_options(options, kAll);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, Errc::kInvalidArgument);
    EXPECT_NE(read.error().message().find(options.begin()->first), std::string::npos);
  }
}

TEST(CallOptions, AnEndlessOptionIsRefused) {
  EXPECT_TRUE(read_options(one("options", std::string(kMostOptionBytes, 'a')), kAll).has_value());
  EXPECT_FALSE(
      read_options(one("options", std::string(kMostOptionBytes + 1, 'a')), kAll).has_value());
}

TEST(CallerLimits, EachCallerHasItsOwn) {
  CallerLimits limits("images", 2);
  auto first = limits.take(":1.1");
  auto second = limits.take(":1.1");
  ASSERT_TRUE(first && second);
  const auto third = limits.take(":1.1");
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, Errc::kLimitExceeded);
  EXPECT_NE(third.error().message().find("2 images"), std::string::npos);
  EXPECT_TRUE(limits.take(":1.2").has_value());
}

TEST(CallerLimits, ATicketIsGivenBackOnceHoweverItMoves) {
  CallerLimits limits("images", 2);
  auto first = limits.take(":1.1");
  auto second = limits.take(":1.1");
  ASSERT_TRUE(first && second);
  CallerLimits::Ticket moved = *std::move(first);
  EXPECT_EQ(limits.held_by(":1.1"), 2U);
  moved = *std::move(second);
  EXPECT_EQ(limits.held_by(":1.1"), 1U);
  moved = {};
  EXPECT_EQ(limits.held_by(":1.1"), 0U);
}

TEST(CallerLimits, ATicketMayOutliveTheLimits) {
  CallerLimits::Ticket ticket;
  {
    CallerLimits limits("images", 2);
    auto taken = limits.take(":1.1");
    ASSERT_TRUE(taken.has_value());
    ticket = *std::move(taken);
  }
  ticket = {};
}

}  // namespace
}  // namespace airlock
