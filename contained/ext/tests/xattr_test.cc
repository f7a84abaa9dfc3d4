// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/xattr.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <random>

#include "contained/ext/acl.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

using Bytes = std::vector<std::byte>;
using enum AttributeFlag;

Bytes bytes_of(std::string_view text) {
  Bytes bytes(text.size());
  std::ranges::transform(text, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

template <typename T>
int error_of(const Outcome<T>& outcome) {
  return outcome ? 0 : outcome.error().value;
}

// What an inode and its block look like on the medium.
struct Medium {
  explicit Medium(std::size_t inode_size = 96, std::size_t block_size = 1024)
      : inode(inode_size), scratch(block_size) {}

  Outcome<AttributeSet> parse() const {
    return AttributeSet::parse(inode, used ? std::span(scratch) : std::span<const std::byte>());
  }
  Outcome<void> store(const AttributeSet& set) {
    TRY(const AttributeBlock use, set.store(inode, scratch));
    used = use == AttributeBlock::kUsed;
    return {};
  }

  Bytes inode, scratch;
  bool used = false;
};

TEST(Xattr, AnEmptyInodeHasNone) {
  const auto set = Medium().parse();
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->empty());
  EXPECT_EQ(error_of(set->find("user.a")), ENODATA);
}

TEST(Xattr, SmallOnesGoToTheInodeAndLargeOnesToTheBlock) {
  Medium medium;
  AttributeSet set = medium.parse().value();
  ASSERT_EQ(error_of(set.set("user.small", bytes_of("1234"), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  EXPECT_FALSE(medium.used);
  ASSERT_EQ(error_of(set.set("user.large", Bytes(500, std::byte{7}), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  EXPECT_TRUE(medium.used);
  EXPECT_EQ(attribute_block_references(medium.scratch), 1U);
  const AttributeSet again = medium.parse().value();
  EXPECT_TRUE(std::ranges::equal(again.find("user.small").value(), bytes_of("1234")));
  EXPECT_EQ(again.find("user.large")->size(), 500U);
  EXPECT_EQ(again.names(), (std::vector<std::string>{"user.small", "user.large"}));
}

TEST(Xattr, FlagsAndNamesAreChecked) {
  AttributeSet set;
  EXPECT_EQ(error_of(set.set("user.a", {}, kReplace)), ENODATA);
  EXPECT_EQ(error_of(set.set("user.a", {}, kCreate)), 0);
  EXPECT_EQ(error_of(set.set("user.a", {}, kCreate)), EEXIST);
  EXPECT_EQ(error_of(set.set("user.a", bytes_of("x"), kReplace)), 0);
  EXPECT_EQ(set.find("user.a")->size(), 1U);
  EXPECT_EQ(error_of(set.set("user.", {}, kCreate)), ERANGE);
  EXPECT_EQ(error_of(set.set("other.a", {}, kCreate)), EOPNOTSUPP);
  EXPECT_EQ(error_of(set.set("system.posix_acl_access", {}, kCreate)), 0);
  EXPECT_EQ(error_of(set.set("user." + std::string(256, 'n'), {}, kCreate)), ERANGE);
  EXPECT_EQ(error_of(set.set("user.huge", Bytes(65537), kCreate)), E2BIG);
  EXPECT_EQ(error_of(set.erase("user.b")), ENODATA);
  EXPECT_EQ(error_of(set.erase("user.a")), 0);
  EXPECT_EQ(set.names(), std::vector<std::string>{"system.posix_acl_access"});
}

TEST(Xattr, WhatDoesNotFitChangesNothing) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("user.a", Bytes(900), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  const Medium before = medium;
  ASSERT_EQ(error_of(set.set("user.b", Bytes(200), kCreate)), 0);
  EXPECT_EQ(error_of(medium.store(set)), ENOSPC);
  EXPECT_EQ(medium.inode, before.inode);
  EXPECT_EQ(medium.scratch, before.scratch);
}

TEST(Xattr, InlineDataStaysInTheInodeAndDrivesOthersOut) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("user.a", Bytes(20), kCreate)), 0);
  ASSERT_EQ(error_of(set.set("system.data", Bytes(60), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  EXPECT_TRUE(medium.used);
  EXPECT_EQ(medium.parse()->find("system.data")->size(), 60U);
  ASSERT_EQ(error_of(set.set("system.data", Bytes(100), kReplace)), 0);
  EXPECT_EQ(error_of(medium.store(set)), ENOSPC);
}

TEST(Xattr, ValuesInTheirOwnInodesAreNeverLost) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("user.a", {}, kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  ASSERT_TRUE(store_le<std::uint32_t>(std::span(medium.inode), 4 + 4, 77));
  AttributeSet read = medium.parse().value();
  EXPECT_EQ(read.names(), std::vector<std::string>{"user.a"});
  EXPECT_EQ(error_of(read.find("user.a")), EOPNOTSUPP);
  EXPECT_EQ(error_of(read.set("user.b", {}, kCreate)), EOPNOTSUPP);
  EXPECT_EQ(error_of(read.erase("user.a")), EOPNOTSUPP);
  EXPECT_EQ(error_of(medium.store(read)), EOPNOTSUPP);
}

TEST(Xattr, AttributesOfUnknownKindsAreKept) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("user.a", bytes_of("v"), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  medium.inode[4 + 1] = std::byte{99};
  AttributeSet read = medium.parse().value();
  EXPECT_TRUE(read.names().empty());
  ASSERT_EQ(error_of(read.set("user.b", {}, kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(read)), 0);
  EXPECT_EQ(medium.inode[4 + 1], std::byte{99});
}

TEST(Xattr, AnEntryThatWouldBecomeTheEndMarkIsRefused) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("system.richacl", bytes_of("v"), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  ASSERT_TRUE(medium.parse().has_value());
  medium.inode[4 + 1] = std::byte{0};
  EXPECT_EQ(error_of(medium.parse()), EUCLEAN);
}

// As many entries as fit, all with the same value: copied for each it would be a hundred MiB.
TEST(Xattr, ValuesThatLieInEachOtherAreRefused) {
  constexpr std::size_t kBlock = 65536, kEntry = 20, kHeader = 32, kValue = 32768;
  Bytes block(kBlock);
  (void)store_le<std::uint32_t>(block, 0, 0xea020000);
  (void)store_le<std::uint32_t>(block, 4, 1);
  (void)store_le<std::uint32_t>(block, 8, 1);
  for (const std::uint32_t entries : {1U, 2U, 3U, 1000U}) {
    for (std::uint32_t i = 0; i < entries; ++i) {
      const auto entry = std::span(block).subspan(kHeader + i * kEntry, kEntry);
      (void)store_le<std::uint8_t>(entry, 0, std::uint8_t{4});
      (void)store_le<std::uint8_t>(entry, 1, std::uint8_t{1});
      (void)store_le<std::uint16_t>(entry, 2, std::uint16_t{kValue});
      (void)store_le<std::uint32_t>(entry, 8, std::uint32_t{kValue});
      (void)store_le<std::uint32_t>(entry, 16, 0x61616161 + i);
    }
    const auto set = AttributeSet::parse({}, block);
    EXPECT_EQ(error_of(set), entries <= 2 ? 0 : EUCLEAN) << entries;
    EXPECT_EQ(set ? set->names().size() : 0, entries <= 2 ? entries : 0);
  }
}

TEST(Xattr, TheBlockCarriesAChecksumOverItsNumber) {
  Medium medium;
  AttributeSet set;
  ASSERT_EQ(error_of(set.set("user.a", Bytes(200), kCreate)), 0);
  ASSERT_EQ(error_of(medium.store(set)), 0);
  set_attribute_block_checksum(medium.scratch, 5, 1000);
  EXPECT_TRUE(attribute_block_checksum_matches(medium.scratch, 5, 1000));
  EXPECT_FALSE(attribute_block_checksum_matches(medium.scratch, 5, 1001));
  EXPECT_FALSE(attribute_block_checksum_matches(medium.scratch, 6, 1000));
  set_attribute_block_references(medium.scratch, 3);
  EXPECT_EQ(attribute_block_references(medium.scratch), 3U);
  EXPECT_FALSE(attribute_block_checksum_matches(medium.scratch, 5, 1000));
}

TEST(Xattr, AgreesWithAModel) {
  std::mt19937 random(11);
  const std::array prefixes{"user.", "trusted.", "security."};
  int full = 0;
  for (int round = 0; round < 100; ++round) {
    Medium medium(random() % 3 * 48, random() % 2 == 0 ? 1024 : 4096);
    std::map<std::string, Bytes> model;
    for (int step = 0; step < 100; ++step) {
      AttributeSet set = medium.parse().value();
      const std::string name =
          prefixes[random() % 3] +
          std::string(1 + random() % 20, static_cast<char>('a' + random() % 3));
      if (random() % 3 == 0) {
        ASSERT_EQ(error_of(set.erase(name)), model.erase(name) == 1 ? 0 : ENODATA);
        ASSERT_EQ(error_of(medium.store(set)), 0);
      } else {
        const Bytes value(random() % (random() % 10 == 0 ? 900 : 60), static_cast<std::byte>(step));
        ASSERT_EQ(error_of(set.set(name, value, kCreateOrReplace)), 0);
        const int error = error_of(medium.store(set));
        if (error == 0) model[name] = value;
        if (error != 0) {
          ASSERT_EQ(error, ENOSPC);
        }
        full += error != 0 ? 1 : 0;
      }
      const AttributeSet read = medium.parse().value();
      ASSERT_EQ(read.names().size(), model.size());
      for (const auto& [key, value] : model)
        ASSERT_TRUE(std::ranges::equal(read.find(key).value(), value));
    }
  }
  EXPECT_GT(full, 100);
}

TEST(Xattr, DamagedBytesAreRefusedOrReadButNeverOverrun) {
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    Medium medium(random() % 100, 1024);
    AttributeSet set;
    for (int i = 0; i < 6; ++i)
      (void)set.set(fmt::format("user.name{}", i), Bytes(random() % 200, std::byte{1}), kCreate);
    if (!medium.store(set)) continue;
    for (int i = 0; i < 4; ++i) {
      Bytes& where = random() % 2 == 0 && !medium.inode.empty() ? medium.inode : medium.scratch;
      where[random() % std::min<std::size_t>(where.size(), 120)] =
          random() % 2 == 0 ? std::byte{0xff} : static_cast<std::byte>(random());
    }
    auto read = medium.parse();
    if (!read) {
      EXPECT_EQ(read.error().value, EUCLEAN);
      ++refused;
      continue;
    }
    for (const std::string& name : read->names()) (void)read->find(name);
    (void)read->set("user.new", Bytes(10), kCreate);
    (void)medium.store(*read);
  }
  EXPECT_GT(refused, 1000);
}

// user::rw-, user:1000:r--, group::r--, mask::r--, other::---
Bytes sample_acl() {
  Bytes acl(4 + 5 * 8);
  const std::array<std::array<std::uint32_t, 3>, 5> entries{
      {{1, 6, ~0U}, {2, 4, 1000}, {4, 4, ~0U}, {0x10, 4, ~0U}, {0x20, 0, ~0U}}};
  EXPECT_TRUE(store_le<std::uint32_t>(std::span(acl), 0, 2));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto at = std::span(acl).subspan(4 + i * 8, 8);
    EXPECT_TRUE(store_le<std::uint16_t>(at, 0, static_cast<std::uint16_t>(entries[i][0])));
    EXPECT_TRUE(store_le<std::uint16_t>(at, 2, static_cast<std::uint16_t>(entries[i][1])));
    EXPECT_TRUE(store_le<std::uint32_t>(at, 4, entries[i][2]));
  }
  return acl;
}

TEST(Acl, GoesToDiskAndBack) {
  const Bytes acl = sample_acl();
  const Bytes disk = acl_to_disk(acl).value();
  EXPECT_EQ(disk.size(), 4U + 4 * 4 + 8);
  EXPECT_EQ(acl_from_disk(disk).value(), acl);
}

TEST(Acl, BadOnesAreRefusedByWhoMadeThem) {
  Bytes acl = sample_acl();
  EXPECT_EQ(error_of(acl_to_disk(std::span(acl).first(3))), EINVAL);
  EXPECT_EQ(error_of(acl_to_disk(std::span(acl).first(15))), EINVAL);
  Bytes disk = acl_to_disk(acl).value();
  EXPECT_EQ(error_of(acl_from_disk(std::span(disk).first(3))), EUCLEAN);
  EXPECT_EQ(error_of(acl_from_disk(std::span(disk).first(12))), EUCLEAN);  // in the middle of an id
  acl[4] = std::byte{3};
  EXPECT_EQ(error_of(acl_to_disk(acl)), EINVAL);
  acl[0] = std::byte{3};
  EXPECT_EQ(error_of(acl_to_disk(acl)), EOPNOTSUPP);
  disk[6] = std::byte{8};
  EXPECT_EQ(error_of(acl_from_disk(disk)), EUCLEAN);
}

}  // namespace
}  // namespace airlock::ext
