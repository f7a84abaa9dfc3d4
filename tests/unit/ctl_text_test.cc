// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "cli/ctl/characters.h"
#include "cli/ctl/terminal.h"
#include "cli/ctl/value.h"

namespace airlock::ctl {
namespace {

using namespace std::string_literals;  // NOLINT: literals only

TEST(Shown, LeavesOrdinaryTextOfAnyLanguageAlone) {
  for (const char* text : {"", "STICK 1", "\"quoted\" \\ back", "Müller", "照片", "Фото", "📷"})
    EXPECT_EQ(shown(text), text);
}

TEST(Shown, EscapesWhatMovesTheCursorOrColours) {
  EXPECT_EQ(shown("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(shown("a\nb\rc\td\be\x7f"), "a\\x0ab\\x0dc\\x09d\\x08e\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\xc2\\x9b31m");  // the eight-bit form of ESC [
  EXPECT_EQ(shown("nul\0here"s), "nul\\x00here");
}

TEST(Shown, EscapesWhatChangesTheDirectionOrIsInvisible) {
  EXPECT_EQ(shown("txt\u202Egpj"), "txt\\xe2\\x80\\xaegpj");
  for (const char* mark :
       {"\u200E", "\u200F", "\u202A", "\u202E", "\u2066", "\u2069", "\u061C", "\u200B", "\u200D",
        "\u2028", "\u2029", "\uFEFF", "\u00AD", "\u3164", "\uE000", "\U000E0041", "\U0010FFFF"})
    EXPECT_EQ(shown(mark).find(mark), std::string::npos) << shown(mark);
}

TEST(Shown, EscapesBrokenUtf8ByteByByte) {
  EXPECT_EQ(shown("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(shown("a\xc3"), "a\\xc3");                           // ends too soon
  EXPECT_EQ(shown("\xc3z"), "\\xc3z");                           // goes on wrongly
  EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf");                    // longer than needed
  EXPECT_EQ(shown("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");           // likewise
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // half of a pair
  EXPECT_EQ(shown("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond the last
}

TEST(Shown, ShownTwiceIsShownOnceAndNothingIsCut) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(shown(shown(all)), shown(all));
  EXPECT_EQ(shown(std::string(5000, 'a')).size(), 5000U);
}

TEST(Width, CountsColumnsNotBytes) {
  EXPECT_EQ(width(""), 0U);
  EXPECT_EQ(width("Müller"), 6U);
  EXPECT_EQ(width("照片"), 4U);
  EXPECT_EQ(width("e\u0301"), 1U);
}

TEST(Table, EveryColumnIsAsWideAsItsWidestCell) {
  Table table({"NAME", "LABEL", "END"});
  table.add({{"a"}, {"照片"}, {"1"}});
  table.add({{"longer"}, {"é"}, {""}});
  EXPECT_EQ(table.render(false),
            "NAME    LABEL  END\n"
            "a       照片   1\n"
            "longer  é\n");
}

TEST(Table, ColoursDoNotCountAsWidth) {
  Table table({"A", "B"});
  table.add({{"x", Color::kGreen}, {"y"}});
  EXPECT_EQ(table.render(true), "\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m\n\x1b[32mx\x1b[0m  y\n");
}

TEST(Shortened, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "ab…");
  EXPECT_EQ(shortened("照片照片", 5), "照片…");
  EXPECT_EQ(shortened("照片照片", 4), "照…");
  EXPECT_EQ(shortened("", 3), "");
}

TEST(HumanSize, HasOneDigitAndTheUnitThatFits) {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1024), "1.0 KiB");
  EXPECT_EQ(human_size(32'000'000'000), "29.8 GiB");
  EXPECT_EQ(human_size((std::uint64_t{1} << 20) - 1), "1.0 MiB");  // not "1024.0 KiB"
  EXPECT_EQ(human_size(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(HumanTime, IsLocalAndEmptyForNever) {
  ASSERT_EQ(::setenv("TZ", "UTC", 1), 0);
  EXPECT_EQ(human_time(1'795'194'187), "2026-11-20 17:03:07");
  EXPECT_EQ(human_time(0), "");
}

TEST(Json, EscapesWhatJsonMustAndWhatATerminalShouldNotGet) {
  const auto json = [](const std::string& text) { return to_json({text}, JsonStyle::kOneLine); };
  EXPECT_EQ(json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json("\n\x1b\x7f"), R"("\u000a\u001b\u007f")");
  EXPECT_EQ(json("\u202E\u009b"), R"("\u202e\u009b")");
  EXPECT_EQ(json("\U000E0041"), R"("\udb40\udc41")");
  EXPECT_EQ(json("Müller 照"), "\"Müller 照\"");
  EXPECT_EQ(json("\xff"), R"("\ufffd")");
}

TEST(Json, WritesEveryKindOfValue) {
  const Value value{Value::Map{{"b", {true}},
                               {"d", {0.5}},
                               {"e", {}},
                               {"i", {std::int64_t{-1}}},
                               {"l", {Value::List{{"x"s}, {Value::Map{}}, {Value::List{}}}}},
                               {"n", {std::nan("")}},
                               {"u", {std::numeric_limits<std::uint64_t>::max()}}}};
  EXPECT_EQ(to_json(value, JsonStyle::kOneLine),
            R"({"b":true,"d":0.5,"e":null,"i":-1,"l":["x",{},[]],"n":null,)"
            R"("u":18446744073709551615})");
  EXPECT_EQ(to_json({Value::Map{{"l", {Value::List{{"x"s}}}}}}, JsonStyle::kIndented),
            "{\n  \"l\": [\n    \"x\"\n  ]\n}");
}

TEST(Value, WhatIsMissingOrOfAnotherTypeIsEmpty) {
  const Value value{Value::Map{{"text", {"x"s}}, {"minus", {std::int64_t{-1}}}}};
  EXPECT_EQ(value.at("text").text(), "x");
  EXPECT_EQ(value.at("text").number(), 0U);
  EXPECT_EQ(value.at("minus").number(), 0U);
  EXPECT_EQ(value.at("none").at("deeper").text(), "");
  EXPECT_FALSE(value.at("text").truth());
}

}  // namespace
}  // namespace airlock::ctl
