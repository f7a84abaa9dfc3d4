// SPDX-License-Identifier: GPL-2.0-or-later
// Linked with crc32c.cc, as the driver is.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "contained/ext/libext2fs.h"

namespace {

// Bit by bit, from the definition.
std::uint32_t plain(std::uint32_t crc, const std::vector<unsigned char>& bytes, std::size_t from,
                    std::size_t length) {
  for (std::size_t i = from; i < from + length; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return crc;
}

TEST(Crc32c, TheKnownAnswer) {
  const std::string text = "123456789";
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  EXPECT_EQ(~ext2fs_crc32c_le(~0u, bytes, text.size()), 0xe3069283u);
}

TEST(Crc32c, EveryLengthAndAlignmentGivesThePlainSum) {
  std::mt19937 random(1);
  std::vector<unsigned char> bytes(600);
  for (auto& byte : bytes) byte = static_cast<unsigned char>(random());
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t length = 0; length < 300; ++length) {
      const auto start = static_cast<std::uint32_t>(random());
      ASSERT_EQ(ext2fs_crc32c_le(start, bytes.data() + from, length),
                plain(start, bytes, from, length))
          << from << " " << length;
    }
  }
}

// The first definition of the symbol that the loader finds must be the program's own, and the
// library's own calls must go through it.
TEST(Crc32c, LibraryUsesOurs) {
  ASSERT_GT(ext2fs_get_library_version(nullptr, nullptr), 0);  // the library is there
  Dl_info ours = {}, program = {};
  void* const found = ::dlsym(RTLD_DEFAULT, "ext2fs_crc32c_le");
  ASSERT_NE(found, nullptr);
  ASSERT_NE(::dladdr(found, &ours), 0);
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&plain), &program), 0);
  EXPECT_EQ(ours.dli_fbase, program.dli_fbase) << ours.dli_fname;
  EXPECT_EQ(found, reinterpret_cast<void*>(&ext2fs_crc32c_le));
}

}  // namespace
