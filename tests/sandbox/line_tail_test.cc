// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/line_tail.h"

#include <gtest/gtest.h>

#include <string>

namespace airlock {
namespace {

TEST(LineTail, KeepsWholeLinesInOrder) {
  LineTail tail;
  tail.append("one\ntw");
  tail.append("o\nthree");
  ASSERT_EQ(tail.lines().size(), 2U);
  EXPECT_EQ(tail.lines()[0], "one");
  EXPECT_EQ(tail.lines()[1], "two");
}

TEST(LineTail, TakesTheUnfinishedLineAtTheEnd) {
  LineTail tail;
  tail.append("last");
  tail.finish();
  tail.finish();
  ASSERT_EQ(tail.lines().size(), 1U);
  EXPECT_EQ(tail.lines()[0], "last");
}

TEST(LineTail, ForgetsTheOldestLinesBeyondTheCount) {
  LineTail tail;
  for (std::size_t i = 0; i < 2 * LineTail::kMaximumLines; ++i) tail.append("x\n");
  tail.append("newest\n");
  EXPECT_EQ(tail.lines().size(), LineTail::kMaximumLines);
  EXPECT_EQ(tail.lines().back(), "newest");
}

TEST(LineTail, StaysWithinItsBytes) {
  LineTail tail;
  for (int i = 0; i < 100; ++i) tail.append(std::string(1000, 'x') + "\n");
  std::size_t bytes = 0;
  for (const std::string& line : tail.lines()) bytes += line.size();
  EXPECT_LE(bytes, LineTail::kMaximumBytes);
  EXPECT_GE(bytes, LineTail::kMaximumBytes - 1000);
}

TEST(LineTail, CutsALineWithoutEnd) {
  LineTail tail;
  for (int i = 0; i < 1000; ++i) tail.append(std::string(1000, 'x'));
  tail.append("\nafter\n");
  ASSERT_EQ(tail.lines().size(), 2U);
  EXPECT_EQ(tail.lines()[0].size(), LineTail::kMaximumLineLength);
  EXPECT_EQ(tail.lines()[1], "after");
}

}  // namespace
}  // namespace airlock
