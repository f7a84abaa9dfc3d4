// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "contained/iso/names.h"
#include "contained/iso/timestamps.h"

namespace airlock::iso {
namespace {

using namespace std::string_view_literals;

std::optional<time_t> seconds_of(const std::optional<timespec>& time) {
  return time ? std::optional(time->tv_sec) : std::nullopt;
}
std::optional<time_t> short_seconds(std::string_view bytes) {
  return seconds_of(short_time(std::as_bytes(std::span(bytes))));
}
std::optional<time_t> long_seconds(std::string_view bytes) {
  return seconds_of(long_time(std::as_bytes(std::span(bytes))));
}

TEST(IsoNames, PlainOnesAreShownAsLinuxShowsThem) {
  EXPECT_EQ(plain_name("README.TXT;1"), "readme.txt");
  EXPECT_EQ(plain_name("README.;1"), "readme");
  EXPECT_EQ(plain_name("README;1"), "readme");
  EXPECT_EQ(plain_name("README"), "readme");
  EXPECT_EQ(plain_name("README."), "readme.");
  EXPECT_EQ(plain_name("README.TXT;2"), "readme.txt.2");
  EXPECT_EQ(plain_name("A/B"), "a.b");
  EXPECT_EQ(plain_name("A\0B"sv), "a");
  EXPECT_EQ(plain_name("\xc4 Z_9"), "\xc4 z_9");
  EXPECT_EQ(plain_name(";1"), "");
  EXPECT_EQ(plain_name(""), "");
}

TEST(IsoNames, JolietOnesAreUtf8) {
  EXPECT_EQ(joliet_name("\0A\0b\0;\0001"sv), "Ab");
  EXPECT_EQ(joliet_name("\0A\0.\0."sv), "A");
  EXPECT_EQ(joliet_name("\0."sv), ".");
  EXPECT_EQ(joliet_name("\0;\0001"sv), ";1");
  EXPECT_EQ(joliet_name("\0\xe4\x20\xac"sv), "\xc3\xa4\xe2\x82\xac");
  EXPECT_EQ(joliet_name("\xd8\x3d\xde\x00"sv), "\xf0\x9f\x98\x80");
  EXPECT_EQ(joliet_name("\0a\0/\0b"sv), "a.b");
}

TEST(IsoNames, HalfACharacterIsReplaced) {
  EXPECT_EQ(joliet_name("\xd8\x3d\0a"sv), "\xef\xbf\xbd\x61");
  EXPECT_EQ(joliet_name("\xde\x00\xd8\x3d"sv), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(joliet_name("\0a\0"sv), "a");
}

TEST(IsoTimes, AreSecondsOfUtc) {
  EXPECT_EQ(short_seconds("\x46\x01\x01\0\0\0\0"sv), 0);
  EXPECT_EQ(short_seconds("\x7c\x02\x1d\x0c\x22\x38\0"sv), 1'709'210'096);
  EXPECT_EQ(short_seconds("\x7c\x02\x1d\x0c\x22\x38\x08"sv), 1'709'210'096 - 7200);
  EXPECT_EQ(short_seconds("\x7c\x02\x1d\x0c\x22\x38\xec"sv), 1'709'210'096 + 18'000);
  EXPECT_EQ(short_seconds("\0\x01\x01\0\0\0\0"sv), -2'208'988'800);
  EXPECT_EQ(long_seconds("2024022912345678\0"sv), 1'709'210'096);
  EXPECT_EQ(long_seconds("2024022912345678\x08"sv), 1'709'210'096 - 7200);
  EXPECT_EQ(long_time(std::as_bytes(std::span("2024022912345678\0"sv)))->tv_nsec, 780'000'000);
}

TEST(IsoTimes, ADistanceFromUtcThatNobodyHasCountsAsNone) {
  EXPECT_EQ(short_seconds("\x7c\x02\x1d\x0c\x22\x38\x35"sv), 1'709'210'096);
  EXPECT_EQ(short_seconds("\x7c\x02\x1d\x0c\x22\x38\x80"sv), 1'709'210'096);
}

TEST(IsoTimes, WhatIsNoTimeIsNone) {
  for (const auto bytes : {"\0\0\0\0\0\0\0"sv, "\x7b\x02\x1d\0\0\0\0"sv, "\x7c\x0d\x01\0\0\0\0"sv,
                           "\x7c\x01\x01\x18\0\0\0"sv, "\x7c\x01\x01\0\x3c\0\0"sv,
                           "\x7c\x01\x01\0\0\x3c\0"sv, "\x7c\x01\x01\0\0\0"sv})
    EXPECT_EQ(short_seconds(bytes), std::nullopt);
  for (const auto bytes : {"0000000000000000\0"sv, "2024022912345x78\0"sv, "2024022912345678"sv})
    EXPECT_EQ(long_seconds(bytes), std::nullopt);
}

}  // namespace
}  // namespace airlock::iso
