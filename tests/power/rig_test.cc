// SPDX-License-Identifier: GPL-2.0-or-later
// The rig itself: the states it makes from a log, and the trees its oracle accepts.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/power/crash_states.h"
#include "tests/power/history.h"

namespace airlock::power {
namespace {

constexpr std::size_t kSize = 4 * kSector;

std::vector<std::byte> filled(std::size_t size, char with) {
  return std::vector<std::byte>(size, static_cast<std::byte>(with));
}

// The first byte of each sector.
std::string outline(std::span<const std::byte> image) {
  std::string text;
  for (std::size_t i = 0; i < image.size(); i += kSector) text += static_cast<char>(image[i]);
  return text;
}

std::set<std::string> states_of(const RecordingMedium& medium, const CrashPlan& plan) {
  std::set<std::string> states;
  CrashStates all(filled(kSize, '.'), medium.log(), plan);
  all.run([&](const CrashState& state) {
    states.insert(outline(state.image));
    return true;
  });
  return states;
}

TEST(CrashStates, KeepsWhatWasFlushedAndReordersTheRest) {
  RecordingMedium medium(filled(kSize, '.'));
  ASSERT_TRUE(medium.write(0, filled(kSector, 'a')));
  ASSERT_TRUE(medium.flush());
  ASSERT_TRUE(medium.write(kSector, filled(kSector, 'b')));
  ASSERT_TRUE(medium.write(2 * kSector, filled(2 * kSector, 'c')));
  const auto states = states_of(medium, {.torn = 20, .subsets = 300});
  const std::set<std::string> expected = {"a...", "....", "ab..", "a.c.", "a..c",
                                          "a.cc", "abc.", "ab.c", "abcc"};
  EXPECT_EQ(states, expected);
}

TEST(CrashStates, OrdersNothingOnAMediumThatForgetsItsFlushes) {
  RecordingMedium medium(filled(kSize, '.'), RecordingMedium::Flushes::kForgotten);
  ASSERT_TRUE(medium.write(0, filled(kSector, 'a')));
  ASSERT_TRUE(medium.flush());
  ASSERT_TRUE(medium.write(kSector, filled(kSector, 'b')));
  EXPECT_TRUE(states_of(medium, {.torn = 0, .subsets = 60}).contains(".b.."));
}

TEST(CrashStates, IsBoundedAndRepeatable) {
  RecordingMedium medium(filled(kSize, '.'));
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(medium.write(0, filled(kSector, 'a')));
  const CrashPlan plan = {.torn = 1, .subsets = 2, .most = 200};
  const auto count = [&] {
    CrashStates states(filled(kSize, '.'), medium.log(), plan);
    return states.run([](const CrashState&) { return true; }).all();
  };
  EXPECT_GT(count(), 120u);
  EXPECT_LT(count(), 280u);
  EXPECT_EQ(count(), count());
}

// One file, synced as "old" and then changed.
class Oracle : public ::testing::Test {
 protected:
  Oracle() {
    history_.next();
    folder_ = history_.make(History::kRoot, "f", true);
    history_.next();
    file_ = history_.make(History::kRoot, "a", false);
    history_.set_content(file_, "old");
    history_.next();
    history_.synced();
  }
  static constexpr History::Step kSynced = 3;
  std::string judge(const Tree& tree, History::Step done,
                    History::Names names = History::Names::kOldAndNew) {
    return history_.judge(tree, done, names);
  }
  static Found file(std::string path, std::string content, std::uint64_t identity = 7) {
    return {.path = std::move(path), .content = std::move(content), .identity = identity};
  }
  const Found folder_found_ = {.path = "/f", .folder = true};

  History history_;
  History::Object folder_ = 0;
  History::Object file_ = 0;
};

TEST_F(Oracle, WantsWhatWasSynced) {
  EXPECT_EQ(judge({folder_found_, file("/a", "old")}, kSynced), "");
  EXPECT_NE(judge({folder_found_}, kSynced), "");
  EXPECT_NE(judge({file("/a", "old")}, kSynced), "");
  EXPECT_NE(judge({folder_found_, file("/a", "olx")}, kSynced), "");
  EXPECT_NE(judge({folder_found_, file("/a", "old"), file("/a", "old")}, kSynced), "");
  EXPECT_NE(judge({folder_found_, file("/a", "old"), file("/b", "old", 8)}, kSynced), "");
  EXPECT_EQ(judge({}, kSynced - 1), "") << "nothing was synced then";
}

TEST_F(Oracle, TakesOldAndNewNameWhileAFileMoves) {
  history_.next();
  history_.move(file_, folder_, "b");
  const Found here = file("/a", "old");
  const Found there = file("/f/b", "old");
  EXPECT_EQ(judge({folder_found_, here}, kSynced), "");
  EXPECT_EQ(judge({folder_found_, there}, kSynced), "");
  EXPECT_EQ(judge({folder_found_, here, there}, kSynced), "");
  EXPECT_NE(judge({folder_found_, here, there}, kSynced, History::Names::kOne), "");
  EXPECT_NE(judge({folder_found_}, kSynced), "") << "no name at all";
}

TEST_F(Oracle, WantsOneOfBothContentsOfANameThatIsReplaced) {
  history_.next();
  const auto other = history_.make(History::kRoot, "b", false);
  history_.set_content(other, "new");
  history_.next();
  history_.synced();
  history_.next();
  history_.move(other, History::kRoot, "a");
  EXPECT_EQ(judge({folder_found_, file("/a", "old"), file("/b", "new", 8)}, 5), "");
  EXPECT_EQ(judge({folder_found_, file("/a", "new", 8)}, 5), "");
  EXPECT_NE(judge({folder_found_, file("/b", "new", 8)}, 5), "") << "the name is gone";
  EXPECT_NE(judge({folder_found_, file("/a", "old")}, 5), "") << "the new file is gone";
}

TEST_F(Oracle, TakesEveryByteOfAWriteOldOrNew) {
  history_.next();
  history_.set_content(file_, "OLDER");
  for (const char* content : {"old", "OLd", "oLDE", "OLDER"})
    EXPECT_EQ(judge({folder_found_, file("/a", content)}, kSynced), "") << content;
  for (const char* content : {"ol", "oxd", "OLDERS", ""})
    EXPECT_NE(judge({folder_found_, file("/a", content)}, kSynced), "") << content;
}

TEST_F(Oracle, WantsASyncedFileThatLiesInANewFolder) {
  history_.next();
  const auto made = history_.make(folder_, "new", true);
  history_.next();
  const auto inner = history_.make(made, "x", false);
  history_.next();
  history_.synced(inner);
  const Tree whole = {folder_found_,
                      file("/a", "old"),
                      {.path = "/f/new", .folder = true},
                      file("/f/new/x", "", 0)};
  EXPECT_EQ(judge(whole, 6), "");
  EXPECT_NE(judge({whole[0], whole[1], whole[2]}, 6), "");
}

}  // namespace
}  // namespace airlock::power
