// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/medium_head.h"

#include <gtest/gtest.h>

#include "contained/runtime/tests/memory_medium.h"

namespace airlock {
namespace {

constexpr std::size_t kSize = std::size_t{1} << 20;

TEST(MediumHead, WhatNobodyTouchedIsTheSame) {
  MemoryMedium medium{std::vector<std::byte>(kSize)};
  const auto head = MediumHead::read(medium);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->require_same(medium));
}

TEST(MediumHead, AByteOfASuperblockIsNoticed) {
  MemoryMedium medium{std::vector<std::byte>(kSize)};
  const auto head = MediumHead::read(medium);
  ASSERT_TRUE(head);
  for (const std::size_t at : {std::size_t{0}, std::size_t{1024 + 0x30}, MediumHead::kBytes - 1}) {
    medium.bytes()[at] = std::byte{1};
    const auto same = head->require_same(medium);
    ASSERT_FALSE(same) << at;
    EXPECT_EQ(same.error().code, Errc::kBusy);
    medium.bytes()[at] = std::byte{0};
  }
}

TEST(MediumHead, AMediumMayBeSmall) {
  MemoryMedium medium{std::vector<std::byte>(512)};
  const auto head = MediumHead::read(medium);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->require_same(medium));
}

TEST(MediumHead, WhatCanNotBeReadIsToldSo) {
  MemoryMedium medium{std::vector<std::byte>(kSize)};
  const auto head = MediumHead::read(medium);
  ASSERT_TRUE(head);
  medium.judge_with([](auto...) { return EIO; });
  EXPECT_FALSE(MediumHead::read(medium));
  const auto same = head->require_same(medium);
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().code, Errc::kIo);
}

}  // namespace
}  // namespace airlock
