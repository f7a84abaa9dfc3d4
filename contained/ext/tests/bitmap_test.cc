// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/bitmap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace airlock::ext {
namespace {

// One bool per bit: too simple to be wrong.
class Model {
 public:
  explicit Model(std::size_t bits) : bits_(bits) {}
  void write(Bit value, std::uint32_t from, std::uint32_t end) {
    for (; from < end; ++from) bits_[from] = value == Bit::kSet;
  }
  [[nodiscard]] std::uint32_t next(Bit value, std::uint32_t from, std::uint32_t end) const {
    while (from < end && bits_[from] != (value == Bit::kSet)) ++from;
    return from < end ? from : end;
  }
  [[nodiscard]] bool test(std::uint32_t index) const { return bits_[index]; }

 private:
  std::vector<bool> bits_;
};

class BitmapTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(BitmapTest, DoesWhatTheModelDoes) {
  const std::size_t bytes = GetParam();
  const auto count = static_cast<std::uint32_t>(bytes * 8);
  std::vector<std::byte> bits(bytes);
  Model model(count);
  std::mt19937 random(42);
  for (int round = 0; round < 3000; ++round) {
    const std::uint32_t end = static_cast<std::uint32_t>(random() % (count + 1));
    const std::uint32_t from = static_cast<std::uint32_t>(random() % (end + 1));
    const Bit value = random() % 2 == 0 ? Bit::kSet : Bit::kClear;
    if (random() % 4 == 0) {
      write_bits(bits, value, from, end);
      model.write(value, from, end);
    }
    ASSERT_EQ(next_bit(bits, value, from, end), model.next(value, from, end))
        << "from " << from << " to " << end;
    const std::uint32_t index = static_cast<std::uint32_t>(random() % count);
    ASSERT_EQ(test_bit(bits, index), model.test(index)) << index;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BitmapTest, ::testing::Values(1, 3, 8, 13, 64, 1024));

TEST(BitmapEdge, EmptyRangesChangeNothingAndFindNothing) {
  std::vector<std::byte> bits(8);
  write_bits(bits, Bit::kSet, 9, 9);
  write_bits(bits, Bit::kSet, 64, 64);
  EXPECT_EQ(next_bit(bits, Bit::kSet, 0, 64), 64u);
  EXPECT_EQ(next_bit(bits, Bit::kClear, 64, 64), 64u);
}

}  // namespace
}  // namespace airlock::ext
