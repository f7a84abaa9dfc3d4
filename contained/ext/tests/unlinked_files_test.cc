// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/unlinked_files.h"

#include <gtest/gtest.h>

namespace airlock::ext {
namespace {

TEST(UnlinkedFiles, OneIsGivenUpWhenItsNameIsGoneAndNobodyHasIt) {
  UnlinkedFiles files;
  files.add(12, 5);
  EXPECT_FALSE(files.let_go(12)) << "its name is still on the medium";
  EXPECT_EQ(files.pending().blocks, 5u);
  files.names_leave();
  EXPECT_FALSE(files.has_no_name(12));
  files.add(13, 1);  // too late for this commit
  EXPECT_EQ(files.names_gone(), std::vector<std::uint32_t>{12});
  EXPECT_TRUE(files.has_no_name(12));
  EXPECT_TRUE(files.is_let_go(12));
  EXPECT_FALSE(files.has_no_name(13));
  files.names_leave();
  EXPECT_EQ(files.names_gone(), std::vector<std::uint32_t>{13}) << "each is told once";
  EXPECT_TRUE(files.let_go(13));
}

// A commit tells the numbers a moment after it was through.
TEST(UnlinkedFiles, ANumberThatIsUsedAgainIsAnotherFile) {
  UnlinkedFiles files;
  files.add(12, 5);
  files.names_leave();
  ASSERT_EQ(files.names_gone().size(), 1u);
  ASSERT_TRUE(files.let_go(12));
  files.forget(12);
  EXPECT_FALSE(files.has_no_name(12));
  files.add(12, 1);
  EXPECT_FALSE(files.has_no_name(12));
  EXPECT_FALSE(files.is_let_go(12));
}

}  // namespace
}  // namespace airlock::ext
