// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <string>

#include "contained/udf/names.h"
#include "contained/udf/tag.h"
#include "contained/udf/timestamps.h"

namespace airlock::udf {
namespace {

using namespace std::string_view_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::string name(std::string_view recorded) {
  return name_of(bytes_of(recorded));
}
std::string target(std::string_view components) {
  return target_of(bytes_of(components));
}

// A descriptor of the standard's own example: the checksum of 0x70 0x6a 0x77 is 0x3299.
TEST(UdfTags, TheChecksumIsThatOfTheStandard) {
  EXPECT_EQ(crc_of(bytes_of("\x70\x6a\x77"sv)), 0x3299);
  EXPECT_EQ(crc_of({}), 0);
}

// Kind 2, version 3, place 256; then three bytes.
constexpr std::string_view kTagged = "\2\0\3\0\xd4\0\0\0\x99\x32\3\0\0\1\0\0\x70\x6a\x77"sv;

TEST(UdfTags, AreReadIfTheirChecksumsAndTheirPlaceAreRight) {
  EXPECT_EQ(read_tag_of(256, bytes_of(kTagged)), Tag::kAnchor);
  EXPECT_EQ(read_tag_of(257, bytes_of(kTagged)), std::nullopt);
  EXPECT_EQ(read_tag(bytes_of(kTagged))->location, 256u);
}

TEST(UdfTags, NoByteOfThemCanBeAnother) {
  for (std::size_t i = 0; i < kTagged.size(); ++i) {
    std::string hurt(kTagged);
    hurt[i] = static_cast<char>(hurt[i] ^ 1);
    EXPECT_FALSE(read_tag(bytes_of(hurt))) << i;
  }
  for (std::size_t length = 0; length < kTagged.size(); ++length)
    EXPECT_FALSE(read_tag(bytes_of(kTagged.substr(0, length)))) << length;
}

TEST(UdfNames, AreUtf8) {
  EXPECT_EQ(name("\x08plain.txt"), "plain.txt");
  EXPECT_EQ(name("\x08Gr\xfc\xdf\x65"), "Gr\xc3\xbc\xc3\x9f\x65");
  EXPECT_EQ(name("\x10\x65\xe5\x67\x2c"sv), "\xe6\x97\xa5\xe6\x9c\xac");
  EXPECT_EQ(name("\x10\xd8\x3d\xde\x00"sv), "\xf0\x9f\x98\x80");
  EXPECT_EQ(name("\xfe\x61"sv), "a");
  EXPECT_EQ(name("\xff\0\x61"sv), "a");
}

TEST(UdfNames, HalfACharacterIsReplaced) {
  EXPECT_EQ(name("\x10\xd8\x3d\0a"sv), "\xef\xbf\xbd\x61");
  EXPECT_EQ(name("\x10\xde\x00\xd8\x3d"sv), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(name("\x10\0a\0"sv), "a");
}

TEST(UdfNames, WhatCannotBeReadIsEmpty) {
  EXPECT_EQ(name(""), "");
  EXPECT_EQ(name("\x08"), "");
  EXPECT_EQ(name("\x09text"), "");
}

TEST(UdfNames, WhatNoPathCanHaveIsReplacedAndMarked) {
  EXPECT_EQ(name("\x08\x70\x6a\x77/"sv).substr(0, 5), "pjw_#");
  EXPECT_EQ(name("\x08/pjw.txt"sv).substr(0, 5), "_pjw#");
  EXPECT_TRUE(name("\x08/pjw.txt"sv).ends_with(".txt"));
  EXPECT_NE(name("\x08/a"sv), name("\x08\0a"sv));
  EXPECT_EQ(name("\x08.").size(), 6u);
  EXPECT_NE(name("\x08.."), "..");
}

TEST(UdfNames, LongOnesAreCutBetweenCharactersAndMarked) {
  std::string recorded = "\x10";
  for (int i = 0; i < 120; ++i) recorded += "\x65\xe5";
  recorded += std::string("\0.\0t\0x\0t", 8);
  const std::string cut = name(recorded);
  EXPECT_LE(cut.size(), 255u);
  EXPECT_GT(cut.size(), 250u);
  EXPECT_EQ((cut.size() - "#ABCD.txt"sv.size()) % 3, 0u);
  EXPECT_TRUE(cut.ends_with(".txt"));
  EXPECT_EQ(cut[cut.size() - 9], '#');
  EXPECT_EQ(name("\x08" + std::string(254, 'x')), std::string(254, 'x'));
}

TEST(UdfLinks, AreComponents) {
  EXPECT_EQ(target("\5\3\0\0\x08\x61\x62"sv), "ab");
  EXPECT_EQ(target("\2\0\0\0\5\2\0\0\x08\x61\5\2\0\0\x08\x62"sv), "/a/b");
  EXPECT_EQ(target("\1\0\0\0"sv), "/");
  EXPECT_EQ(target("\3\0\0\0\3\0\0\0\4\0\0\0\5\2\0\0\x08\x61"sv), "../.././a");
}

TEST(UdfLinks, WhatIsNoPathIsEmpty) {
  for (const auto components : {""sv, "\5"sv, "\5\2\0\0\x08"sv, "\5\0\0\0"sv, "\6\0\0\0"sv,
                                "\0\0\0\0"sv, "\1\2\0\0\x08\x61"sv})
    EXPECT_EQ(target(components), "");
}

std::optional<time_t> seconds(std::string_view bytes) {
  const auto time = time_of(bytes_of(bytes));
  return time ? std::optional(time->tv_sec) : std::nullopt;
}

TEST(UdfTimes, AreSecondsOfUtc) {
  EXPECT_EQ(seconds("\0\x10\xb2\x07\x01\x01\0\0\0\0\0\0"sv), 0);
  EXPECT_EQ(seconds("\0\x10\xe8\x07\x02\x1d\x0c\x22\x38\0\0\0"sv), 1'709'210'096);
  EXPECT_EQ(seconds("\x78\x10\xe8\x07\x02\x1d\x0c\x22\x38\0\0\0"sv), 1'709'210'096 - 7200);
  EXPECT_EQ(seconds("\xd4\x1e\xe8\x07\x02\x1d\x0c\x22\x38\0\0\0"sv), 1'709'210'096 + 18'000);
  EXPECT_EQ(time_of(bytes_of("\0\x10\xe8\x07\x02\x1d\x0c\x22\x38\x0c\x22\x38"sv))->tv_nsec,
            123'456'000);
}

TEST(UdfTimes, ADistanceFromUtcThatNobodyHasCountsAsNone) {
  EXPECT_EQ(seconds("\x01\x18\xe8\x07\x02\x1d\x0c\x22\x38\0\0\0"sv), 1'709'210'096);
  EXPECT_EQ(seconds("\x78\x20\xe8\x07\x02\x1d\x0c\x22\x38\0\0\0"sv), 1'709'210'096);
}

TEST(UdfTimes, WhatIsNoTimeIsNone) {
  EXPECT_EQ(seconds("\0\0\0\0\0\0\0\0\0\0\0\0"sv), std::nullopt);
  EXPECT_EQ(seconds("\0\x10\xe8\x07\x02\x1e\0\0\0\0\0\0"sv), std::nullopt);
  EXPECT_EQ(seconds("\0\x10\xe8\x07\x02\x1d\x18\0\0\0\0\0"sv), std::nullopt);
  EXPECT_EQ(seconds("\0\x10\xe8\x07\x02\x1d\0\0\0\0\0"sv), std::nullopt);
}

}  // namespace
}  // namespace airlock::udf
