// SPDX-License-Identifier: GPL-2.0-or-later
// Media that mksquashfs made, damaged byte by byte: the driver answers or refuses, and always ends.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "contained/runtime/tests/look_at.h"
#include "contained/runtime/tests/memory_medium.h"
#include "contained/squashfs/squashfs.h"
#include "lib/base/byte_view.h"

namespace airlock::squashfs {
namespace {

constexpr std::size_t kSuperblock = 96;
constexpr std::size_t kUsed = 40;
constexpr int kFiles = 51;  // with the root, and with "small" once for each of its names

// The inputs of the fuzz target, without what a kernel does there.
std::vector<std::byte> medium_of(const std::string& name) {
  std::ifstream file(std::filesystem::path(AIRLOCK_CORPUS) / name, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto input = std::as_bytes(std::span(text));
  const auto length = load_le<std::uint32_t>(input, 0).value_or(0) & 0xffffff;
  const auto medium = input.subspan(3, length);
  return {medium.begin(), medium.end()};
}

struct Looked {
  std::string refused;  // why, if it was
  std::optional<Looker> at;
};

Looked look_at(std::vector<std::byte> bytes) {
  MemoryMedium medium(std::move(bytes));
  const MediumReader reader(medium);
  const auto format = open(reader);
  if (!format) return {.refused = format.error().message(), .at = {}};
  ReadOnlyFiles files(**format, {});
  Looked looked = {.refused = {}, .at = Looker(files)};
  looked.at->look_at(1);
  return looked;
}

class SquashfsDamage : public ::testing::TestWithParam<const char*> {
 protected:
  const std::vector<std::byte> sound = medium_of(GetParam());
};

// The control of all the others.
TEST_P(SquashfsDamage, TheSoundMediumIsReadWhole) {
  const Looked looked = look_at(sound);
  ASSERT_TRUE(looked.at.has_value()) << looked.refused;
  EXPECT_EQ(looked.at->readable, kFiles);
  EXPECT_EQ(looked.at->links, 1);
  EXPECT_EQ(looked.at->attributes, 6);  // of "small" under both of its names, and of a folder
  // Each file is read from the beginning, and again from byte 5000 on.
  EXPECT_EQ(looked.at->bytes_read, 2u * 10 + 4 + 12'000 + 7'000 + 12'293 + 7'293);
}

TEST_P(SquashfsDamage, EveryByteMayBeWrong) {
  int harmless = 0, refused = 0, partly = 0;
  constexpr std::array kFlips = {0x01u, 0x80u, 0xffu};
  for (std::size_t at = 0; at < sound.size(); ++at) {
    // Most of a large medium is data of files, where one byte is like the next.
    if (sound.size() > 8192 && at > 8192 && at % 16 != 0 && at < sound.size() - 3072) continue;
    auto bytes = sound;
    bytes[at] ^= std::byte(kFlips[at % kFlips.size()]);
    const Looked looked = look_at(std::move(bytes));
    (!looked.at ? refused : looked.at->readable == kFiles ? harmless : partly)++;
  }
  // All three happen, or the damage is not what it should be.
  EXPECT_GT(harmless, 0);
  EXPECT_GT(refused, 0);
  EXPECT_GT(partly, 0);
}

TEST_P(SquashfsDamage, AMediumThatIsCutSaysSo) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{40}, kSuperblock - 1})
    EXPECT_EQ(look_at({sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length)}).refused,
              "this is not a squashfs filesystem");
  for (std::size_t length = kSuperblock; length < sound.size(); length += 29) {
    std::vector<std::byte> bytes(sound.begin(),
                                 sound.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(look_at(bytes).refused.find("the end of it is missing"), std::string::npos) << length;
    // And where it hides that.
    ASSERT_TRUE(store_le<std::uint64_t>(bytes, kUsed, length));
    (void)look_at(std::move(bytes));
  }
}

TEST_P(SquashfsDamage, EveryFieldOfTheSuperblockMayLie) {
  for (std::size_t at = 4; at + 8 <= kSuperblock; at += 4)
    for (const std::uint64_t lie :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{95}, std::uint64_t{sound.size() - 1},
          std::uint64_t{sound.size()}, std::uint64_t{0x7fffffff}, std::uint64_t{0xffffffff},
          std::uint64_t{1} << 62, ~std::uint64_t{0} - 1, ~std::uint64_t{0}}) {
      auto bytes = sound;
      ASSERT_TRUE(store_le<std::uint64_t>(bytes, at, lie));
      (void)look_at(std::move(bytes));
    }
}

INSTANTIATE_TEST_SUITE_P(Media, SquashfsDamage,
                         ::testing::Values("gzip", "xz", "lzo", "lz4", "zstd", "plain",
                                           "plain-metadata", "no-fragments"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(SquashfsSuperblock, SaysWhatItCannotRead) {
  const auto refusal = [](std::size_t offset, std::uint64_t value, std::size_t size) {
    auto bytes = medium_of("gzip");
    for (std::size_t i = 0; i < size; ++i) bytes[offset + i] = std::byte(value >> (8 * i) & 0xff);
    return look_at(std::move(bytes)).refused;
  };
  EXPECT_EQ(refusal(0, 0x68737174, 4), "this is not a squashfs filesystem");
  EXPECT_EQ(refusal(0, 0x68737173, 4),
            "this is squashfs of an old version, in big-endian byte order; only 4.0 can be read");
  EXPECT_EQ(refusal(28, 0x10003, 4), "this is squashfs 3.1; only 4.0 can be read");
  EXPECT_EQ(
      refusal(20, 2, 2),
      "it is compressed with lzma, which this driver cannot read; gzip, lzo, xz, lz4 and zstd "
      "are supported");
  EXPECT_EQ(refusal(20, 7, 2),
            "it is compressed with method 7, which this driver does not know; gzip, lzo, xz, lz4 "
            "and zstd are supported");
  EXPECT_EQ(refusal(12, 4097, 4), "its blocks have 4097 bytes, which is impossible");
  EXPECT_EQ(refusal(12, 1u << 21, 4), "its blocks have 2097152 bytes, which is impossible");
  EXPECT_EQ(refusal(26, 0, 2), "its id table is empty");
  EXPECT_EQ(refusal(64, 1, 8), "its inode table begins at byte 1, outside of the filesystem");
  EXPECT_EQ(refusal(72, 96, 8), "its directory table begins before its inode table");
}

}  // namespace
}  // namespace airlock::squashfs
