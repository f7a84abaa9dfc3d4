// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "contained/fat/cluster_chain.h"
#include "contained/fat/dos_time.h"
#include "contained/fat/free_space.h"
#include "contained/fat/geometry.h"
#include "contained/fat/name_index.h"
#include "contained/fat/names.h"
#include "contained/fat/rename_note.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/unicode.h"
#include "contained/fat/write_order.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::fat {
namespace {

std::string text_of(const ShortName& name) {
  return {reinterpret_cast<const char*>(name.data()), name.size()};
}
NewName planned(std::string_view name) {
  const auto plan = plan_name(name, CodePage::standard(), NameRules::kAny);
  EXPECT_TRUE(plan.has_value()) << name;
  return plan.value_or(NewName{});
}

TEST(Unicode, GoesThereAndBack) {
  for (const char* text : {"", "plain", "ünïcödé", "日本語", "😀 emoji"}) {
    const auto units = to_utf16(text);
    ASSERT_TRUE(units.has_value()) << text;
    EXPECT_EQ(to_utf8(*units), text);
  }
}

TEST(Unicode, RefusesWhatIsNone) {
  for (const char* text : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
                           "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "a\xff"})
    EXPECT_FALSE(to_utf16(text).has_value());
  EXPECT_FALSE(to_utf8(u"\xd800").has_value());
  EXPECT_FALSE(to_utf8(u"\xdc00x").has_value());
}

TEST(Unicode, FoldsCaseButMakesNoAsciiOfOtherLetters) {
  EXPECT_EQ(fold(u"aZ09äÖßжÿ"), u"AZ09ÄÖßЖŸ");
  EXPECT_EQ(fold(u'\u0131'), u'\u0131');
  EXPECT_EQ(fold(u'\u017f'), u'\u017f');
}

TEST(Names, FitWhereTheyCan) {
  struct Row {
    const char* name;
    const char* short_name;
    bool fits;
    unsigned case_bits;
  };
  for (const Row& row :
       {Row{"README.TXT", "README  TXT", true, 0}, Row{"readme.txt", "README  TXT", true, 0x18},
        Row{"readme.TXT", "README  TXT", true, 0x08}, Row{"README.txt", "README  TXT", true, 0x10},
        Row{"12345678.123", "12345678123", true, 0}, Row{"Readme.txt", "README  TXT", false, 0x18},
        Row{"A", "A          ", true, 0}}) {
    const NewName name = planned(row.name);
    EXPECT_EQ(text_of(name.short_name), row.short_name) << row.name;
    EXPECT_EQ(name.fits, row.fits) << row.name;
    EXPECT_FALSE(name.lossy) << row.name;
    if (row.fits) {
      EXPECT_EQ(name.case_bits, row.case_bits) << row.name;
    }
  }
}

TEST(Names, LoseWhatShortNamesCannotHave) {
  struct Row {
    const char* name;
    const char* short_name;
  };
  const auto nothing_taken = [](const ShortName&) { return false; };
  for (const Row& row : {Row{"a long name.text", "ALONGN~1TEX"}, Row{".profile", "PROFIL~1   "},
                         Row{"a+b.c", "A_B~1   C  "}, Row{"two.dots.txt", "TWODOT~1TXT"},
                         Row{"日本.txt", "__~1    TXT"}}) {
    const auto made = unused_short_name(planned(row.name), nothing_taken);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(text_of(*made), row.short_name) << row.name;
  }
  // This code page has that letter.
  EXPECT_EQ(text_of(planned("Ä.txt").short_name), "\x8e       TXT");
}

TEST(Names, FindAShortOneAmongThousandsOfSimilarOnes) {
  std::set<ShortName> taken;
  for (int i = 0; i < 20000; ++i) {
    int tries = 0;
    const auto made = unused_short_name(planned("similar file " + std::to_string(i) + ".jpeg"),
                                        [&](const ShortName& name) {
                                          ++tries;
                                          return taken.contains(name);
                                        });
    ASSERT_TRUE(made.has_value());
    ASSERT_TRUE(taken.insert(*made).second);
    ASSERT_LT(tries, 200);
  }
}

TEST(Names, ForbiddenOnesAreRefused) {
  const auto refused = [](std::string_view name, NameRules rules) {
    const auto plan = plan_name(name, CodePage::standard(), rules);
    return plan ? 0 : plan.error().value;
  };
  for (const char* name : {"", "a:b", "a/b", "tab\t", "dot.", "space ", "\xff", "a\x7f"})
    EXPECT_EQ(refused(name, NameRules::kAny), EINVAL) << name;
  EXPECT_EQ(refused(std::string(256, 'x'), NameRules::kAny), ENAMETOOLONG);
  EXPECT_EQ(refused(std::string(255, 'x'), NameRules::kAny), 0);
  for (const char* name : {"con", "Aux.txt", "COM1", "lpt9.x"}) {
    EXPECT_EQ(refused(name, NameRules::kAny), 0) << name;
    EXPECT_EQ(refused(name, NameRules::kWindows), EINVAL) << name;
  }
  EXPECT_EQ(refused("com0", NameRules::kWindows), 0);
}

TEST(CodePages, DifferInTheirUpperHalf) {
  EXPECT_EQ(CodePage::find(437)->decode(0x9b), u'¢');
  EXPECT_EQ(CodePage::find(850)->decode(0x9b), u'ø');
  EXPECT_EQ(CodePage::find(850)->encode(u'ø'), 0x9b);
  EXPECT_EQ(CodePage::find(437)->encode(u'ø'), std::nullopt);
  EXPECT_EQ(CodePage::find(12345), nullptr);
}

TEST(DosTimes, KeepTwoSecondsAndHundredths) {
  const timespec moment = {.tv_sec = 1'700'000'001, .tv_nsec = 250'000'000};
  const DosTime kept = to_dos_time(moment, 0);
  EXPECT_EQ(kept.hundredths, 125);
  const timespec again = from_dos_time(kept, 0);
  EXPECT_EQ(again.tv_sec, moment.tv_sec);
  EXPECT_EQ(again.tv_nsec, moment.tv_nsec);
  EXPECT_EQ(from_dos_time(to_dos_time(moment, 5400), 5400).tv_sec, moment.tv_sec);
  EXPECT_EQ(from_dos_time(to_dos_time(moment, 5400), 0).tv_sec, moment.tv_sec + 5400);
}

TEST(DosTimes, StayInsideTheirYears) {
  constexpr std::int64_t kFirst = 315532800;
  EXPECT_EQ(from_dos_time(to_dos_time({.tv_sec = 0}, 0), 0).tv_sec, kFirst);
  EXPECT_EQ(from_dos_time(to_dos_time({.tv_sec = INT64_MAX}, 0), 0).tv_sec, 4354819199 / 2 * 2 + 1);
  EXPECT_EQ(from_dos_time({.date = 0xffff, .time = 0xffff, .hundredths = 255}, 0).tv_sec, kFirst);
}

TEST(WriteOrders, AreKeptAndContradictionsSeen) {
  WriteOrder order;
  EXPECT_TRUE(order.require(1, 2));
  EXPECT_TRUE(order.require(2, 3));
  EXPECT_TRUE(order.require(2, 2));
  EXPECT_FALSE(order.require(3, 1));
  EXPECT_EQ(order.steps(), (WriteOrder::Steps{{2, 1}, {3, 2}}));
}

TEST(WriteOrders, APointCostsNoFlush) {
  WriteOrder order;
  const std::uint64_t point = order.new_point();
  for (const std::uint64_t sector : {1, 2, 3}) EXPECT_TRUE(order.require(sector, point));
  for (const std::uint64_t sector : {7, 8, 9}) EXPECT_TRUE(order.require(point, sector));
  EXPECT_FALSE(order.require(8, 2));
  EXPECT_EQ(order.steps(), (WriteOrder::Steps{{7, 1}, {8, 1}, {9, 1}}));
}

TEST(WriteOrders, AllOfARangeGoesFirst) {
  WriteOrder order;
  EXPECT_TRUE(order.require_all(10, 4, 20));
  EXPECT_TRUE(order.require_all(20, 4, 30));
  EXPECT_TRUE(order.require(5, 12));
  EXPECT_FALSE(order.require(20, 5));
  EXPECT_FALSE(order.require_all(28, 4, 11));
  EXPECT_EQ(order.steps(), (WriteOrder::Steps{{12, 1}, {20, 2}, {30, 3}}));
}

TEST(RenameNotes, AreReadAsTheyWereWritten) {
  std::array<std::byte, kRecordSize> record = {};
  const RenameNote note = {
      .old_position = 0x123456789a0, .new_position = 64, .old_print = 5, .new_print = 0xffffffff};
  write_note(record, kFreeMark, note);
  EXPECT_EQ(read_note(record, kFreeMark), note);
  EXPECT_EQ(read_note(record, kFreeMark - 1), std::nullopt);
  record[3] ^= std::byte{1};
  EXPECT_EQ(read_note(record, kFreeMark), std::nullopt);
}

TEST(Geometries, AreWhatMkfsMade) {
  struct Row {
    const char* options;
    unsigned kibibytes;
    FatKind kind;
    std::uint32_t cluster_size;
  };
  for (const Row& row :
       {Row{"-F12", 1440, FatKind::k12, 512}, Row{"-F16 -s4", 16384, FatKind::k16, 2048},
        Row{"-F32 -s1", 34000, FatKind::k32, 512},
        Row{"-F12 -S4096 -s64", 60000, FatKind::k12, 262144},
        Row{"-F16 -f1 -R 7 -r 112", 9000, FatKind::k16, 2048}}) {
    MemoryMedium medium(make_fat_image(row.options, row.kibibytes));
    const auto geometry = read_geometry(medium);
    ASSERT_TRUE(geometry.has_value()) << row.options << geometry.error().message();
    EXPECT_EQ(geometry->kind, row.kind) << row.options;
    EXPECT_EQ(geometry->cluster_size, row.cluster_size) << row.options;
    EXPECT_LE(geometry->end(), medium.size());
  }
}

TEST(NameIndex, FindsWhatIsThereAndNothingElse) {
  NameIndex index;
  std::multimap<std::uint32_t, std::uint32_t> model;
  std::mt19937 random(3);
  for (std::uint32_t step = 0; step < 200'000; ++step) {
    const std::uint32_t hash = static_cast<std::uint32_t>(random()) % 60'000;
    if (random() % 3 != 0) {
      if (model.count(hash) >= NameIndex::kMostAlike) continue;
      index.add(hash, step);
      model.emplace(hash, step);
    } else if (const auto known = model.find(hash); known != model.end()) {
      EXPECT_TRUE(index.remove(hash, known->second));
      EXPECT_FALSE(index.remove(hash, known->second));
      model.erase(known);
    }
  }
  ASSERT_EQ(index.size(), model.size());
  for (std::uint32_t hash = 0; hash < 60'000; ++hash) {
    auto places = index.places(hash);
    std::ranges::sort(places);
    const auto [from, to] = model.equal_range(hash);
    std::vector<std::uint32_t> expected;
    for (auto at = from; at != to; ++at) expected.push_back(at->second);
    std::ranges::sort(expected);
    ASSERT_EQ(places, expected);
  }
}

// The largest directory of exFAT has this many: a few of them must fit into memory.
TEST(NameIndex, TakesTwentyBytesForAName) {
  NameIndex index;
  constexpr std::uint32_t kNames = (1u << 22) / 3;
  for (std::uint32_t i = 0; i < kNames; ++i)
    index.add(NameIndex::hash_of(
                  std::u16string{static_cast<char16_t>(i), u'_', static_cast<char16_t>(i >> 16)}),
              i);
  EXPECT_EQ(index.size(), kNames);
  EXPECT_LT(index.bytes(), kNames * 20);
}

TEST(NameIndex, KnowsFewOfTheSameName) {
  NameIndex index;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) index.add(7, i);
  EXPECT_EQ(index.places(7).size(), NameIndex::kMostAlike);
  EXPECT_EQ(index.size(), NameIndex::kMostAlike);
  EXPECT_TRUE(NameIndex::is_full(index.places(7).size()));
}

class Clusters : public ::testing::Test {
 protected:
  MemoryMedium medium_{make_fat_image("-F16 -s1", 9000)};
  Geometry geometry_ = *read_geometry(medium_);
  MetadataCache cache_{medium_, geometry_.block_size, geometry_.end() / geometry_.block_size, 64};
  ClusterTable table_{cache_, geometry_};
};

TEST_F(Clusters, AChainIsFoundByHalving) {
  ASSERT_TRUE(table_.chain({.start = 10, .count = 5}, {TableEntry::Kind::kNext, 100}).has_value());
  ASSERT_TRUE(table_.chain({.start = 100, .count = 3}, {TableEntry::Kind::kEnd, 0}).has_value());
  ClusterChain chain(10);
  EXPECT_EQ(*chain.find(table_, 3, 10), (ClusterRun{13, 2}));
  EXPECT_EQ(*chain.find(table_, 6, 1), (ClusterRun{101, 1}));
  EXPECT_EQ(chain.find(table_, 8, 1)->count, 0u);
  EXPECT_EQ(*chain.length(table_), 8u);
  const std::vector<ClusterRun> dropped = {{100, 3}, {12, 3}};
  EXPECT_EQ(*chain.cut(table_, 2), dropped);
  EXPECT_EQ(*chain.last(table_), 11u);
}

// Runs of one to three clusters with gaps between them: more than a chain remembers.
TEST_F(Clusters, AChainInVeryManyPiecesIsFoundAndCut) {
  std::vector<std::uint32_t> model;
  std::mt19937 random(11);
  for (std::uint32_t cluster = 2; model.size() < 8700; cluster += 2)
    for (auto count = random() % 3 + 1; count > 0; --count) model.push_back(cluster++);
  ASSERT_LT(model.back(), geometry_.cluster_count);
  for (std::size_t i = 0; i < model.size(); ++i) {
    const TableEntry next = i + 1 < model.size() ? TableEntry{TableEntry::Kind::kNext, model[i + 1]}
                                                 : TableEntry{TableEntry::Kind::kEnd, 0};
    ASSERT_TRUE(table_.set(model[i], next).has_value());
  }
  ClusterChain chain(model.front());
  const auto check = [&](std::uint32_t index, std::uint32_t want) {
    const auto run = chain.find(table_, index, want);
    ASSERT_TRUE(run.has_value());
    ASSERT_GT(run->count, 0u);
    ASSERT_LE(run->count, want);
    for (std::uint32_t i = 0; i < run->count; ++i) ASSERT_EQ(run->start + i, model[index + i]);
  };
  const auto size = [&] { return static_cast<std::uint32_t>(model.size()); };
  while (!model.empty()) {
    EXPECT_EQ(*chain.length(table_), size());
    EXPECT_EQ(*chain.last(table_), model.back());
    for (std::uint32_t i = 0; i < size(); ++i) check(i, 7);
    for (int i = 0; i < 300; ++i) check(static_cast<std::uint32_t>(random()) % size(), 5);
    EXPECT_LE(chain.piece_count(), ClusterChain::kMostPieces + 1);
    EXPECT_EQ(chain.find(table_, size(), 1)->count, 0u);
    std::uint32_t left = size() - std::min(size(), 1 + static_cast<std::uint32_t>(random()) % 700);
    left = std::min(left, size() - 1);
    const std::uint32_t before = size();
    const auto dropped = chain.cut(table_, left);
    ASSERT_TRUE(dropped.has_value());
    std::vector<std::uint32_t> lost;
    for (auto run = dropped->rbegin(); run != dropped->rend(); ++run)
      for (std::uint32_t i = 0; i < run->count; ++i) lost.push_back(run->start + i);
    ASSERT_EQ(lost, std::vector<std::uint32_t>(model.begin() + left, model.end()));
    ASSERT_EQ(lost.size(), before - left);
    model.resize(left);
    if (left > 0 && left % 2 == 0) {
      chain.append({.start = model.back() + 1, .count = 1});
      ASSERT_TRUE(
          table_.set(model.back(), {TableEntry::Kind::kNext, model.back() + 1}).has_value());
      model.push_back(model.back() + 1);
    }
  }
  EXPECT_EQ(chain.first(), 0u);
}

TEST_F(Clusters, AnEndOfSoManyPiecesIsFound) {
  ClusterChain chain(0);
  for (std::uint32_t i = 0; i < 10; ++i) chain.append({.start = 100 + 10 * i, .count = 3});
  ASSERT_TRUE(table_.set(192, {TableEntry::Kind::kEnd, 0}).has_value());
  EXPECT_EQ(chain.length_without(0), 30u);
  EXPECT_EQ(chain.length_without(1), 27u);
  EXPECT_EQ(chain.length_without(9), 3u);
  EXPECT_EQ(chain.length_without(10), 0u);
  EXPECT_EQ(chain.length_without(11), 0u);
  for (std::uint32_t i = 10; i < 5000; ++i) chain.append({.start = 100 + 10 * i, .count = 3});
  const std::uint32_t left = chain.length_without(1000);
  EXPECT_GE(left, 15000u - 3000u);
  EXPECT_LE(left, 15000u - 900u);
}

TEST_F(Clusters, ALongChainIsLearntStepByStep) {
  ASSERT_TRUE(table_.chain({.start = 10, .count = 1000}, {TableEntry::Kind::kEnd, 0}).has_value());
  ClusterChain chain(10);
  EXPECT_TRUE(*chain.learn(table_, 300, 300));
  EXPECT_FALSE(*chain.learn(table_, 1000, 400));
  EXPECT_FALSE(*chain.learn(table_, ~0u, 300));
  EXPECT_TRUE(*chain.learn(table_, ~0u, 300));
  EXPECT_TRUE(*chain.learn(table_, ~0u, 0));
  EXPECT_EQ(*chain.length(table_), 1000u);
}

TEST_F(Clusters, ALoopEnds) {
  ASSERT_TRUE(
      table_.chain({.start = 10, .count = 700}, {TableEntry::Kind::kNext, 300}).has_value());
  EXPECT_EQ(ClusterChain(10).length(table_).error().value, EUCLEAN);
  ASSERT_TRUE(table_.set(10, {TableEntry::Kind::kNext, 10}).has_value());
  EXPECT_EQ(ClusterChain(10).length(table_).error().value, EUCLEAN);
}

TEST_F(Clusters, FreedOnesComeBackInThreeSteps) {
  FreeSpace space(table_, geometry_, std::nullopt, kFirstCluster);
  const std::uint32_t all = *space.count();
  EXPECT_EQ(all, geometry_.cluster_count);
  const ClusterRun run = *space.reserve(0, all);
  EXPECT_EQ(run.count, all);
  EXPECT_EQ(space.reserve(0, 1).error().value, ENOSPC);
  const ClusterRun part = {.start = 50, .count = 4};
  space.given_up(part);
  EXPECT_EQ(*space.count(), 4u);
  EXPECT_EQ(space.reserve(0, 1).error().value, ENOSPC);
  space.erased(part);
  const auto erased = space.take_erased();
  EXPECT_EQ(space.reserve(50, 1).error().value, ENOSPC);
  space.reusable(erased);
  EXPECT_EQ(*space.reserve(51, 9), (ClusterRun{51, 3}));
}

TEST_F(Clusters, FreedOnesAreCountedWhereverTheyAre) {
  FreeSpace space(table_, geometry_, std::nullopt, kFirstCluster);
  const ClusterRun run = *space.reserve(0, 10);
  ASSERT_TRUE(table_.chain(run, {TableEntry::Kind::kEnd, 0}).has_value());
  const ClusterRun part = {.start = run.start, .count = 4};
  space.given_up(part);
  const std::uint32_t expected = geometry_.cluster_count - 6;
  EXPECT_EQ(space.most(), expected);
  EXPECT_EQ(*space.count(), expected);
  space.erased(part);
  space.reusable(space.take_erased());
  EXPECT_EQ(*space.count(), expected);
}

}  // namespace
}  // namespace airlock::fat
