// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "daemon/bus/bus_text.h"
#include "daemon/bus/bus_values.h"
#include "daemon/bus/property_bag.h"

namespace airlock {
namespace {

using namespace std::string_literals;

constexpr const char* kReplaced = "\xef\xbf\xbd";

TEST(BusText, GoodTextStaysAsItIs) {
  for (const auto* text : {"", "plain", "Grüße", "\xf0\x9f\x92\xbe", "tab\tline\n", "\xef\xbf\xbd",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbd", "\x01\x7f"})
    EXPECT_EQ(bus_text(text), text);
}

TEST(BusText, EachBadByteIsReplaced) {
  const std::string bad = kReplaced;
  EXPECT_EQ(bus_text("a\0b"s), "a" + bad + "b");
  EXPECT_EQ(bus_text("\xff"), bad);
  EXPECT_EQ(bus_text("\xc3"), bad);                                // cut short
  EXPECT_EQ(bus_text("\xc3x"), bad + "x");                         // not continued
  EXPECT_EQ(bus_text("\xc0\xaf"), bad + bad);                      // "/" the long way
  EXPECT_EQ(bus_text("\xed\xa0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(bus_text("\xf4\x90\x80\x80"), bad + bad + bad + bad);  // beyond Unicode
  EXPECT_EQ(bus_text("\xef\xbf\xbf"), bad + bad + bad);            // U+FFFF
  EXPECT_EQ(bus_text("\xef\xb7\x90"), bad + bad + bad);            // U+FDD0
  EXPECT_EQ(bus_text("\x80ok"), bad + "ok");
}

TEST(BusText, DifferentIdsHaveDifferentPathsOfLettersAndDigits) {
  EXPECT_EQ(volume_path("sdb1"), "/org/airlock1/volumes/sdb1");
  EXPECT_EQ(volume_path("dm-0"), "/org/airlock1/volumes/dm_2d0");
  EXPECT_EQ(volume_path("dm_2d0"), "/org/airlock1/volumes/dm_5f2d0");
  EXPECT_EQ(volume_path(""), "/org/airlock1/volumes/_");
  EXPECT_EQ(volume_path("../\xff"), "/org/airlock1/volumes/_2e_2e_2f_ff");
  EXPECT_EQ(job_path("7"), "/org/airlock1/jobs/7");
}

TEST(BusValues, EveryErrorHasItsNameAndAMessageTheBusTakes) {
  for (const Errc code : kAllErrcs) {
    const auto error = to_bus(Error{.code = code, .what = "open \xff"});
    EXPECT_EQ(error.getName(), error_name(code));
    EXPECT_EQ(error.getMessage(), "open \xef\xbf\xbd");
  }
}

TEST(BusValues, TextInsideOfAnythingIsCleaned) {
  using Details = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;
  const PropertyMap values = {{"text", "\xff"s},
                              {"lines", std::vector{"a"s, "\xfe"s}},
                              {"details", Details{{"k\xff", "\xff"s}, {"n", std::int64_t{-1}}}},
                              {"double", 0.5}};
  const BusMap map = to_bus(values);
  EXPECT_EQ(map.at("text").get<std::string>(), kReplaced);
  EXPECT_EQ(map.at("lines").get<std::vector<std::string>>().at(1), kReplaced);
  const auto details = map.at("details").get<BusMap>();
  EXPECT_EQ(details.at("k"s + kReplaced).get<std::string>(), kReplaced);
  EXPECT_EQ(details.at("n").get<std::int64_t>(), -1);
  EXPECT_EQ(map.at("double").get<double>(), 0.5);
}

TEST(PropertyBag, OnlyWhatDiffersIsNamed) {
  PropertyBag bag({{"Label", ""s}, {"Size", std::uint64_t{0}}, {"Removable", false}});
  EXPECT_TRUE(bag.update({{"Label", ""s}, {"Removable", false}}).empty());
  const auto names = bag.update({{"Label", "stick"s}, {"Size", std::uint64_t{0}}});
  EXPECT_EQ(names, std::vector{"Label"s});
  EXPECT_EQ(bag.get<std::string>("Label"), "stick");
}

TEST(PropertyBag, AnUnknownNameOrAnotherTypeIsLeftOut) {
  PropertyBag bag({{"Size", std::uint64_t{5}}});
  EXPECT_TRUE(bag.update({{"Sizes", std::uint64_t{1}}, {"Size", std::uint32_t{1}}}).empty());
  EXPECT_EQ(bag.get<std::uint64_t>("Size"), 5U);
}

TEST(PropertyBag, TextIsCleanBeforeItIsCompared) {
  PropertyBag bag({{"Label", ""s}});
  EXPECT_FALSE(bag.update({{"Label", "\xff"s}}).empty());
  EXPECT_TRUE(bag.update({{"Label", "\xff"s}}).empty());
}

}  // namespace
}  // namespace airlock
