// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/zisofs.h"

#include <libdeflate.h>

#include <cerrno>

#include "contained/iso/tests/iso_files.h"

namespace airlock::iso {
namespace {

constexpr unsigned kShift = 15;
constexpr std::size_t kBlock = std::size_t{1} << kShift;
constexpr std::size_t kFirstPointer = 16;

std::string deflated(std::string_view text) {
  auto* compressor = ::libdeflate_alloc_compressor(/*level=*/9);
  std::string packed(::libdeflate_zlib_compress_bound(compressor, text.size()), '\0');
  packed.resize(::libdeflate_zlib_compress(compressor, text.data(), text.size(), packed.data(),
                                           packed.size()));
  EXPECT_FALSE(packed.empty());
  ::libdeflate_free_compressor(compressor);
  return packed;
}

std::string zf(std::uint32_t size, std::string_view algorithm = "pz", char header = 4,
               char shift = kShift) {
  return entry("ZF", std::string(algorithm) + header + shift + le_be(size));
}

// As mkzftree makes it. A block of zeroes has no data.
std::string compressed(std::string_view text) {
  std::string head = "\x37\xe4\x53\x96\xc9\xdb\xd6\x07" +
                     le_be(static_cast<std::uint32_t>(text.size())).substr(0, 4) +
                     std::string{4, kShift, 0, 0};
  const std::size_t blocks = (text.size() + kBlock - 1) / kBlock;
  std::string data;
  const auto point = [&] {
    const std::size_t at = kFirstPointer + 4 * (blocks + 1) + data.size();
    head += le_be(static_cast<std::uint32_t>(at)).substr(0, 4);
  };
  for (std::size_t i = 0; i < blocks; ++i) {
    point();
    const auto block = text.substr(i * kBlock, kBlock);
    if (block.find_first_not_of('\0') != std::string_view::npos) data += deflated(block);
  }
  point();
  return head + data;
}

std::string content() {
  std::string text(3 * kBlock + 1234, '\0');
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i / kBlock != 1) text[i] = static_cast<char>('a' + i * i / 64 % 26);
  return text;
}

// The file "a" is compressed, "b" beside it is not.
struct Volume {
  explicit Volume(std::string data = compressed(content()),
                  const std::string& field = zf(static_cast<std::uint32_t>(content().size()))) {
    image.add_file(image.root(), "A.;1", data, {.field = px(S_IFREG | 0644) + field});
    image.add_file(image.root(), "B.;1", "other", {.field = px(S_IFREG | 0644)});
  }
  IsoImage image{sp() + px(S_IFDIR | 0755)};
};

int error_of(const Volume& volume) {
  IsoFiles files(volume.image.bytes);
  EXPECT_EQ(files.content("b"), "other");
  return files.read_error("a");
}

TEST(Zisofs, ACompressedFileIsReadAsItWas) {
  IsoFiles files(Volume().image.bytes);
  EXPECT_EQ(files.stat("a").st_size, static_cast<off_t>(content().size()));
  EXPECT_EQ(files.content("a"), content());
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, kBlock - 1, kBlock,
                                   2 * kBlock - 5, 3 * kBlock, 3 * kBlock + 1000})
    for (const std::size_t length : {std::size_t{1}, std::size_t{10}, kBlock, 2 * kBlock + 3})
      EXPECT_EQ(files.part("a", offset, length), content().substr(offset, length));
}

TEST(Zisofs, DataThatLiesIsAnErrorOfThatFileOnly) {
  const auto whole = compressed(content());
  const auto changed = [&](std::size_t at, std::uint32_t number) {
    return std::string(whole).replace(at, 4, le_be(number).substr(0, 4));
  };
  EXPECT_EQ(error_of(Volume(whole)), 0);
  EXPECT_EQ(error_of(Volume(changed(kFirstPointer, 0xffffffff))), EIO);       // backwards
  EXPECT_EQ(error_of(Volume(changed(kFirstPointer + 4, 0xffffffff))), EIO);   // too long
  EXPECT_EQ(error_of(Volume(changed(kFirstPointer + 16, 0x7fffffff))), EIO);  // behind the data
  EXPECT_EQ(error_of(Volume(changed(60, 0x12345678))), EIO);                  // no stream of zlib
  EXPECT_EQ(error_of(Volume(whole.substr(0, 20))), EIO);
  EXPECT_EQ(error_of(Volume(whole.substr(0, whole.size() - 1))), EIO);
}

TEST(Zisofs, ABlockOfAnotherSizeThanItsRecordSaysIsAnError) {
  const auto size = static_cast<std::uint32_t>(content().size());
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(size - 1))), EIO);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(size + 1))), EIO);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(size, "pz", 4, 16))), EIO);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(10 * size))), EIO);
}

TEST(Zisofs, NumbersThatCannotBeAreRefused) {
  const auto size = static_cast<std::uint32_t>(content().size());
  for (const char shift : {'\0', '\x0e', '\x12', '\x1f', '\x40', '\xff'})
    EXPECT_EQ(error_of(Volume(compressed(content()), zf(size, "pz", 4, shift))), EIO);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(size, "pz", 0))), EIO);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(size, "pz", -1))), EIO);
  IsoFiles files(Volume(compressed(content()), entry("ZF", "pz")).image.bytes);
  EXPECT_EQ(files.error_of("a"), EIO);
}

TEST(Zisofs, AnotherCompressionIsNotSupported) {
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(1000, "PZ"))), EOPNOTSUPP);
  EXPECT_EQ(error_of(Volume(compressed(content()), zf(1000, "xx"))), EOPNOTSUPP);
}

TEST(Zisofs, WithoutRockRidgeTheDataIsShownAsItIs) {
  Volume volume;
  volume.image.bytes[volume.image.at_block(volume.image.root()) + 34] = std::byte{'x'};
  EXPECT_EQ(IsoFiles(volume.image.bytes).content("a"), compressed(content()));
}

}  // namespace
}  // namespace airlock::iso
