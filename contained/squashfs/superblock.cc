// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/superblock.h"

#include <array>
#include <bit>
#include <span>

#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::size_t kSuperblockBytes = 96;
constexpr std::uint32_t kMagic = 0x73717368;
constexpr std::uint32_t kBigEndianMagic = 0x68737173;
constexpr std::uint32_t kMajor = 4;
constexpr std::uint32_t kSmallestBlockSize = 4096;
constexpr std::uint32_t kLargestBlockSize = 1u << 20;

Result<Compression> compression_of(std::uint16_t number) {
  constexpr std::array kKnown = {Compression::kGzip, Compression::kLzo, Compression::kXz,
                                 Compression::kLz4, Compression::kZstd};
  for (const Compression known : kKnown)
    if (number == static_cast<std::uint16_t>(known)) return known;
  if (number == kLzmaNumber)
    return fail(Errc::kUnsupported,
                "it is compressed with lzma, which this driver cannot read; gzip, lzo, xz, lz4 and "
                "zstd are supported");
  return fail(
      Errc::kUnsupported,
      "it is compressed with method {}, which this driver does not know; gzip, lzo, xz, lz4 "
      "and zstd are supported",
      number);
}

Result<void> check_version(std::span<const std::byte> bytes) {
  const std::uint32_t magic = u32(bytes, 0);
  if (magic == kBigEndianMagic)
    return fail(
        Errc::kUnsupported,
        "this is squashfs of an old version, in big-endian byte order; only 4.0 can be read");
  if (magic != kMagic) return fail(Errc::kWrongFormat, "this is not a squashfs filesystem");
  const std::uint16_t major = u16(bytes, 28);
  const std::uint16_t minor = u16(bytes, 30);
  if (major != kMajor || minor != 0)
    return fail(Errc::kUnsupported, "this is squashfs {}.{}; only 4.0 can be read", major, minor);
  return {};
}

Result<void> check_place(std::string_view table, std::uint64_t place, const Superblock& super) {
  if (place >= kSuperblockBytes && place < super.used) return {};
  return fail(Errc::kCorrupted, "its {} table begins at byte {}, outside of the filesystem", table,
              place);
}

Result<void> check_layout(const Superblock& super, const MediumReader& medium) {
  if (!std::has_single_bit(super.block_size) || super.block_size < kSmallestBlockSize ||
      super.block_size > kLargestBlockSize)
    return fail(Errc::kCorrupted, "its blocks have {} bytes, which is impossible",
                super.block_size);
  if (super.used > medium.size())
    return fail(Errc::kCorrupted,
                "the filesystem has {} bytes and the medium only {}: the end of it is missing",
                super.used, medium.size());
  TRY_VOID(check_place("inode", super.inodes, super));
  TRY_VOID(check_place("directory", super.directories, super));
  TRY_VOID(check_place("id", super.ids, super));
  if (super.fragment_count != 0) TRY_VOID(check_place("fragment", super.fragments, super));
  if (super.exports != kNoTable) TRY_VOID(check_place("export", super.exports, super));
  if (super.attributes != kNoTable) TRY_VOID(check_place("attribute", super.attributes, super));
  if (super.inodes >= super.directories)
    return fail(Errc::kCorrupted, "its directory table begins before its inode table");
  if (super.id_count == 0) return fail(Errc::kCorrupted, "its id table is empty");
  return {};
}

}  // namespace

Result<Superblock> Superblock::read(const MediumReader& medium) {
  const auto bytes = medium.read_up_to(0, kSuperblockBytes);
  if (!bytes) return fail_errno(bytes.error().value, Errc::kIo, "read the superblock");
  if (bytes->size() < kSuperblockBytes)
    return fail(Errc::kWrongFormat, "this is not a squashfs filesystem");
  TRY_VOID(check_version(*bytes));
  Superblock super = {.used = u64(*bytes, 40),
                      .root = u64(*bytes, 32),
                      .ids = u64(*bytes, 48),
                      .attributes = u64(*bytes, 56),
                      .inodes = u64(*bytes, 64),
                      .directories = u64(*bytes, 72),
                      .fragments = u64(*bytes, 80),
                      .exports = u64(*bytes, 88),
                      .inode_count = u32(*bytes, 4),
                      .fragment_count = u32(*bytes, 16),
                      .id_count = u16(*bytes, 26),
                      .block_size = u32(*bytes, 12)};
  TRY(super.compression, compression_of(u16(*bytes, 20)));
  TRY_VOID(check_layout(super, medium));
  return super;
}

}  // namespace airlock::squashfs
