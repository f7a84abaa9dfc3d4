// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/posix_acl.h"

#include <gtest/gtest.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <cerrno>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

struct Line {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id = ~0u;
  friend bool operator==(const Line&, const Line&) = default;
};

std::vector<std::byte> acl(std::initializer_list<Line> lines) {
  std::vector<std::byte> bytes(4 + 8 * lines.size());
  (void)store_le<std::uint32_t>(bytes, 0, POSIX_ACL_XATTR_VERSION);
  std::size_t at = 4;
  for (const Line& line : lines) {
    (void)store_le(bytes, at, line.tag);
    (void)store_le(bytes, at + 2, line.permissions);
    (void)store_le(bytes, at + 4, line.id);
    at += 8;
  }
  return bytes;
}

const Line kUser{ACL_USER_OBJ, 6}, kGroup{ACL_GROUP_OBJ, 4}, kOther{ACL_OTHER, 1};
const Line kNamed{ACL_USER, 7, 1000}, kMask{ACL_MASK, 5};

TEST(PosixAcl, AShortListIsJustAMode) {
  const auto mode = mode_of_acl(acl({kUser, kGroup, kOther}));
  ASSERT_TRUE(mode.has_value());
  EXPECT_EQ(mode->permissions, 0641u);
  EXPECT_FALSE(mode->says_more);
}

TEST(PosixAcl, TheMaskStandsForTheGroup) {
  const auto mode = mode_of_acl(acl({kUser, kNamed, kGroup, kMask, kOther}));
  ASSERT_TRUE(mode.has_value());
  EXPECT_EQ(mode->permissions, 0651u);
  EXPECT_TRUE(mode->says_more);
}

TEST(PosixAcl, ChmodChangesTheMaskAndLeavesTheGroup) {
  auto list = acl({kUser, kNamed, kGroup, kMask, kOther});
  ASSERT_TRUE(apply_mode(list, 0100720).has_value());
  EXPECT_EQ(list, acl({{ACL_USER_OBJ, 7}, kNamed, kGroup, {ACL_MASK, 2}, {ACL_OTHER, 0}}));
  auto plain = acl({kUser, kGroup, kOther});
  ASSERT_TRUE(apply_mode(plain, 0720).has_value());
  EXPECT_EQ(plain, acl({{ACL_USER_OBJ, 7}, {ACL_GROUP_OBJ, 2}, {ACL_OTHER, 0}}));
}

TEST(PosixAcl, InheritingTakesAwayWhatTheModeLacks) {
  auto list = acl({kUser, kNamed, kGroup, kMask, {ACL_OTHER, 7}});
  const auto mode = inherit(list, 0100746);
  ASSERT_TRUE(mode.has_value());
  EXPECT_EQ(*mode, 0100646u);
  EXPECT_EQ(list, acl({kUser, kNamed, kGroup, {ACL_MASK, 4}, {ACL_OTHER, 6}}));
}

TEST(PosixAcl, MalformedListsAreRefused) {
  std::vector<std::byte> odd = acl({kUser, kGroup, kOther});
  odd.push_back(std::byte{0});
  std::vector<std::byte> version = acl({kUser, kGroup, kOther});
  version[0] = std::byte{3};
  for (auto list : {odd, version, std::vector<std::byte>{}, std::vector<std::byte>(3), acl({}),
                    acl({kUser, kGroup}), acl({kGroup, kOther}), acl({kUser, kOther}),
                    acl({{ACL_USER_OBJ, 8}, kGroup, kOther})}) {
    EXPECT_EQ(mode_of_acl(list).error().value, EINVAL);
    EXPECT_EQ(apply_mode(list, 0777).error().value, EINVAL);
    EXPECT_EQ(inherit(list, 0777).error().value, EINVAL);
  }
}

}  // namespace
}  // namespace airlock::ext
