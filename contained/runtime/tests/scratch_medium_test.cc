// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/tests/scratch_medium.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "contained/runtime/tests/image_tools.h"

namespace airlock {
namespace {

using Bytes = std::vector<std::byte>;

class Scratch : public ::testing::Test {
 protected:
  static Bytes some() {
    Bytes bytes(70'001);
    std::fill_n(bytes.begin() + 5000, 9000, std::byte{7});
    return bytes;
  }
  [[nodiscard]] Bytes now() const { return {medium_.bytes().begin(), medium_.bytes().end()}; }

  const Bytes before_ = some();
  ScratchMedium medium_{before_};
};

TEST_F(Scratch, BeginsAsItsContent) {
  EXPECT_EQ(now(), before_);
}

TEST_F(Scratch, TakesBackWhatWasWrittenAndDiscarded) {
  ASSERT_TRUE(medium_.write(4990, Bytes(100, std::byte{1})));
  ASSERT_TRUE(medium_.write(5000, Bytes(12'000, std::byte{2})));
  ASSERT_TRUE(medium_.discard(0, medium_.size()));
  EXPECT_EQ(now(), Bytes(before_.size(), std::byte{0xdd}));
  medium_.take_back();
  EXPECT_EQ(now(), before_);
}

TEST_F(Scratch, GoesBackToAMoment) {
  ASSERT_TRUE(medium_.write(100, Bytes(10, std::byte{1})));
  const Bytes then = now();
  const std::size_t moment = medium_.moment();
  ASSERT_TRUE(medium_.write(105, Bytes(10'000, std::byte{2})));
  medium_.take_back(moment);
  EXPECT_EQ(now(), then);
  medium_.take_back();
  EXPECT_EQ(now(), before_);
}

TEST_F(Scratch, KeepsWhatIsToStay) {
  ASSERT_TRUE(medium_.write(0, Bytes(1, std::byte{1})));
  const Bytes then = now();
  medium_.keep();
  medium_.take_back();
  EXPECT_EQ(now(), then);
}

TEST_F(Scratch, TakesNothingBeyondItsEnd) {
  Bytes two(2);
  EXPECT_EQ(medium_.write(70'000, two).error().value, EIO);
  EXPECT_EQ(medium_.read(70'000, two).error().value, EIO);
  EXPECT_EQ(medium_.read(~std::uint64_t{0}, two).error().value, EIO);
  EXPECT_EQ(medium_.discard(70'000, 2).error().value, EINVAL);
  EXPECT_EQ(now(), before_);
}

TEST_F(Scratch, IsAFileForPrograms) {
  const Opinion seen = medium_given_to(
      "wc -c <$image; printf x | dd of=$image conv=notrunc bs=1 "
      "seek=6000 status=none; exit 3",
      medium_);
  EXPECT_EQ(seen.status, 3);
  EXPECT_EQ(seen.report, "70001\n");
  EXPECT_EQ(medium_.bytes()[6000], std::byte{'x'});
  medium_.assign(before_);
  EXPECT_EQ(now(), before_);
}

}  // namespace
}  // namespace airlock
