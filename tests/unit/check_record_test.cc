// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/protocol/check_record.h"

#include <gtest/gtest.h>

#include "lib/protocol/checkers.h"
#include "lib/protocol/formats.h"

namespace airlock {
namespace {

CheckReply some_reply() {
  return {.verdict = CheckVerdict::kErrors,
          .changed = true,
          .findings = 3,
          .checker = "e2fsck 1.47.0",
          .summary = "3 problems found",
          .log = std::string(CheckReply::kMostLog, 'x')};
}

TEST(CheckRecord, WhatIsSentArrives) {
  const CheckRequest request{.operation = CheckOperation::kLabel, .type = "ext4", .label = "A"};
  EXPECT_EQ(decode_check_request(*encode_check_request(request)).value(), request);
  EXPECT_EQ(decode_check_reply(*encode_check_reply(some_reply())).value(), some_reply());
  EXPECT_EQ(decode_check_progress(encode_check_progress(250)).value(), 250U);
  EXPECT_TRUE(is_check_program_packet(check_program_packet()));
}

TEST(CheckRecord, NothingTooLongIsSent) {
  auto reply = some_reply();
  reply.log += 'x';
  EXPECT_FALSE(encode_check_reply(reply));
  EXPECT_FALSE(encode_check_request({.type = std::string(33, 'x'), .label = {}}));
}

TEST(CheckRecord, EveryOtherByteIsRefused) {
  const Bytes good = *encode_check_reply(some_reply());
  for (const std::size_t length : {std::size_t{0}, std::size_t{8}, good.size() - 1})
    EXPECT_FALSE(decode_check_reply(ByteSpan(good).first(length)));
  const auto spoilt = [&](std::size_t at, std::byte value) {
    Bytes bytes = good;
    bytes.at(at) = value;
    return decode_check_reply(bytes).has_value();
  };
  EXPECT_FALSE(spoilt(0, std::byte{0}));      // the magic
  EXPECT_FALSE(spoilt(4, std::byte{99}));     // no such verdict
  EXPECT_FALSE(spoilt(5, std::byte{2}));      // neither changed nor not
  EXPECT_FALSE(spoilt(13, std::byte{0xff}));  // a checker's name longer than its room
  EXPECT_FALSE(spoilt(17, std::byte{0xff}));  // so is the log
  EXPECT_FALSE(spoilt(20, std::byte{1}));     // in a field that must be empty
  EXPECT_FALSE(spoilt(87, std::byte{'x'}));   // behind the checker's name
  EXPECT_FALSE(spoilt(600, std::byte{0}));    // a zero in a text
  EXPECT_FALSE(decode_check_progress(encode_check_reply(some_reply()).value()));
  Bytes too_much = encode_check_progress(0);
  too_much.at(7) = std::byte{1};
  EXPECT_FALSE(decode_check_progress(too_much));
}

TEST(Checkers, TypesHaveTheirs) {
  EXPECT_EQ(find_checker("ext3")->check_program, "e2fsck");
  EXPECT_EQ(find_checker("vfat")->check_program, "fsck.fat");
  EXPECT_EQ(find_checker("exfat")->check_program, "fsck.exfat");
  EXPECT_EQ(find_checker("ntfs")->check_program, "ntfsfix");
  for (const char* none : {"", "ext", "btrfs", "ext4 ", "xt4"})
    EXPECT_EQ(find_checker(none), nullptr);
}

TEST(Checkers, NtfsIsOnlyLookedAt) {
  using enum CheckOperation;
  const CheckerRow& ntfs = *find_checker("ntfs");
  EXPECT_TRUE(check_offered(ntfs, kCheck));
  EXPECT_TRUE(check_offered(ntfs, kGlance));
  for (const auto operation : {kRepair, kReplay, kLabel})
    EXPECT_EQ(check_offered(ntfs, operation).error().code, Errc::kUnsupported);
  EXPECT_TRUE(check_offered(*find_checker("ext4"), kReplay));
  EXPECT_TRUE(is_own_program(find_checker("vfat")->replay_program));
  EXPECT_FALSE(is_own_program(find_checker("ext4")->replay_program));
}

TEST(Checkers, LabelsAreJudgedByType) {
  using enum CheckerFamily;
  EXPECT_TRUE(check_label(kExt, "sixteen bytes ok"));
  EXPECT_FALSE(check_label(kExt, "seventeen bytes -"));
  EXPECT_TRUE(check_label(kExt, ""));
  EXPECT_TRUE(check_label(kFat, "HOLIDAY 26"));
  for (const char* bad : {"holiday", "A*B", "A.B", "TWELVE CHARS", " A", "\xc3\x84"})
    EXPECT_FALSE(check_label(kFat, bad)) << bad;
  EXPECT_TRUE(check_label(kExfat, "\xc3\x84rger"));
  EXPECT_FALSE(check_label(kExfat, "a/b"));
  // Eleven units, and each of these characters takes two.
  const std::string wide = "\xf0\x9f\x98\x80";
  EXPECT_TRUE(check_label(kExfat, wide + wide + wide + wide + wide + "x"));
  EXPECT_FALSE(check_label(kExfat, wide + wide + wide + wide + wide + wide));
  for (const auto family : {kExt, kFat, kExfat})
    for (const char* bad : {"a\nb", "\x7f", "\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "-L"})
      EXPECT_FALSE(check_label(family, bad)) << bad;
}

TEST(Formats, AnUnknownTypeNamesTheNearest) {
  for (const auto& row : all_formats()) EXPECT_EQ(*find_format(row.type), &row);
  EXPECT_NE(find_format("exfta").error().message().find("did you mean exfat?"), std::string::npos);
  EXPECT_NE(find_format("fat32").error().message().find("did you mean vfat?"), std::string::npos);
  EXPECT_EQ(find_format("ntfs").error().code, Errc::kInvalidArgument);
  EXPECT_FALSE(find_format(""));
}

TEST(Formats, EveryTypeHasItsRulesForLabelsAndAChecker) {
  for (const auto& row : all_formats()) {
    ASSERT_NE(find_checker(row.type), nullptr) << row.type;
    EXPECT_EQ(find_checker(row.type)->family, row.family);
    EXPECT_TRUE(check_format(row.type, "HOLIDAY"));
    EXPECT_TRUE(check_format(row.type, ""));
    EXPECT_FALSE(check_format(row.type, "seventeen bytes -"));
  }
}

}  // namespace
}  // namespace airlock
