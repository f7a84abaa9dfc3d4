// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/journal_format.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

// Every record and both versions of the superblock begin with magic, kind and sequence number.
constexpr std::size_t kRecordHeaderSize = 12;

// Offsets in the superblock.
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kKindAt = 4;
constexpr std::size_t kBlockSizeAt = 0x0C;
constexpr std::size_t kLengthAt = 0x10;
constexpr std::size_t kFirstAt = 0x14;
constexpr std::size_t kSequenceAt = 0x18;
constexpr std::size_t kStartAt = 0x1C;
constexpr std::size_t kErrnoAt = 0x20;
constexpr std::size_t kCompatAt = 0x24;
constexpr std::size_t kIncompatAt = 0x28;
constexpr std::size_t kReadOnlyCompatAt = 0x2C;
constexpr std::size_t kUuidAt = 0x30;
constexpr std::size_t kChecksumTypeAt = 0x50;  // one byte; three of padding follow
constexpr std::size_t kFastCommitBlocksAt = 0x54;
constexpr std::size_t kJournalChecksumAt = 0xFC;

constexpr std::uint32_t kChecksumTypeCrc32c = 4U << 24;
// The kernel does not mount with less, so supporting less is pointless.
constexpr std::uint32_t kSmallestJournal = 1024;

constexpr std::uint32_t kAnyChecksum = kJournalChecksumV2 | kJournalChecksumV3;
constexpr std::uint32_t kKnownIncompat =
    kJournalRevoke | kJournal64Bit | kJournalAsyncCommit | kAnyChecksum | kJournalFastCommit;

// Flags of a tag.
constexpr std::uint32_t kTagEscaped = 0x1;
constexpr std::uint32_t kTagSameUuid = 0x2;
constexpr std::uint32_t kTagLast = 0x8;
constexpr std::uint32_t kUuidSize = 16;
constexpr std::uint32_t kDescriptorTailSize = 4;

// Offsets in the commit block.
constexpr std::size_t kCommitChecksumAt = 16;
constexpr std::size_t kCommitSecondsAt = 48;
constexpr std::size_t kCommitNanosecondsAt = 56;

std::uint32_t crc32c(std::uint32_t seed, std::span<const std::byte> bytes) {
  return ext2fs_crc32c_le(seed, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

// The driver's own structures have room for their fields; anything else is a bug here.
template <std::unsigned_integral T>
void put_number(std::span<std::byte> bytes, std::size_t offset, T value) {
  [[maybe_unused]] const bool fits = store_be(bytes, offset, value);
  assert(fits);
}

void put_header(std::span<std::byte> block, JournalRecord kind, std::uint32_t sequence) {
  put_number(block, kMagicAt, kJournalMagic);
  put_number(block, kKindAt, std::to_underlying(kind));
  put_number(block, 8, sequence);
}

bool begins_with_magic(std::span<const std::byte> data) {
  return load_be<std::uint32_t>(data, 0) == kJournalMagic;
}

}  // namespace

std::uint32_t TransactionFormat::tag_size() const {
  if (checksums) return 16;
  return wide_blocks ? 12 : 8;
}

std::uint32_t TransactionFormat::tags_per_descriptor() const {
  const std::uint32_t overhead = static_cast<std::uint32_t>(kRecordHeaderSize) + kUuidSize +
                                 (checksums ? kDescriptorTailSize : 0);
  return (block_size - overhead) / tag_size();
}

std::uint64_t TransactionFormat::log_blocks_for(std::uint64_t block_count) const {
  const std::uint64_t tags = tags_per_descriptor();
  return block_count + (block_count + tags - 1) / tags + 2;
}

std::uint32_t TransactionFormat::blocks_that_fit(std::uint32_t log_blocks) const {
  if (log_blocks < 4) return 0;
  const std::uint32_t room = log_blocks - 2;
  const std::uint32_t group = tags_per_descriptor() + 1;
  return room - (room + group - 1) / group;
}

// --- superblock ---

Result<JournalSuperblock> JournalSuperblock::parse(const Bytes& bytes, std::uint32_t block_size,
                                                   std::uint64_t available_blocks) {
  const JournalSuperblock superblock(bytes);
  if (superblock.field(kMagicAt) != kJournalMagic)
    return fail(Errc::kWrongFormat, "the journal has no journal superblock");
  const std::uint32_t kind = superblock.field(kKindAt);
  if (kind != std::to_underlying(JournalRecord::kSuperblockV1) && !superblock.has_features())
    return fail(Errc::kWrongFormat, "the journal's first block is of unknown kind {}", kind);
  TRY_VOID(superblock.check_features());
  TRY_VOID(superblock.check_extent(block_size, available_blocks));
  if (const std::uint32_t error = superblock.field(kErrnoAt); error != 0)
    return fail(Errc::kCorrupted,
                "the journal was aborted with error {}; the filesystem must be checked",
                static_cast<std::int32_t>(error));
  return superblock;
}

Result<void> JournalSuperblock::check_features() const {
  if (!has_features()) return {};
  const std::uint32_t incompat = field(kIncompatAt);
  if ((incompat & ~kKnownIncompat) != 0 || field(kReadOnlyCompatAt) != 0)
    return fail(Errc::kUnsupported, "the journal has unknown features {:#x} and {:#x}",
                incompat & ~kKnownIncompat, field(kReadOnlyCompatAt));
  if ((incompat & kAnyChecksum) == kAnyChecksum)
    return fail(Errc::kCorrupted, "the journal claims two kinds of checksums at once");
  if (!has_checksum()) return {};
  if ((field(kCompatAt) & kJournalCompatChecksum) != 0)
    return fail(Errc::kCorrupted, "the journal claims an old and a new kind of checksums at once");
  if ((field(kChecksumTypeAt) & 0xFF000000U) != kChecksumTypeCrc32c)
    return fail(Errc::kUnsupported, "the journal uses unknown checksums {:#x}",
                field(kChecksumTypeAt));
  if (field(kJournalChecksumAt) != computed_checksum())
    return fail(Errc::kCorrupted, "the checksum of the journal superblock is wrong");
  return {};
}

Result<void> JournalSuperblock::check_extent(std::uint32_t block_size,
                                             std::uint64_t available_blocks) const {
  if (field(kBlockSizeAt) != block_size)
    return fail(Errc::kCorrupted, "the journal has blocks of {} bytes, the filesystem of {}",
                field(kBlockSizeAt), block_size);
  if (length() > available_blocks)
    return fail(Errc::kCorrupted, "the journal says it has {} blocks, its file has {}", length(),
                available_blocks);
  if (length() < kSmallestJournal)
    return fail(Errc::kUnsupported, "the journal has only {} blocks", length());
  if (first() == 0 || first() > length() - kSmallestJournal / 2)
    return fail(Errc::kCorrupted, "the log cannot begin at block {} of {}", first(), length());
  if (start() != 0 && (start() < first() || start() >= length()))
    return fail(Errc::kCorrupted, "the live log cannot begin at block {} of {}", start(), length());
  const bool fast_commits = has_features() && (field(kIncompatAt) & kJournalFastCommit) != 0;
  if (fast_commits && field(kFastCommitBlocksAt) >= length() - first())
    return fail(Errc::kCorrupted, "the journal keeps {} of its {} blocks for fast commits",
                field(kFastCommitBlocksAt), length());
  return {};
}

std::uint32_t JournalSuperblock::first() const {
  return field(kFirstAt);
}
std::uint32_t JournalSuperblock::length() const {
  return field(kLengthAt);
}
std::uint32_t JournalSuperblock::start() const {
  return field(kStartAt);
}
std::uint32_t JournalSuperblock::sequence() const {
  return field(kSequenceAt);
}

bool JournalSuperblock::has_features() const {
  return field(kKindAt) == std::to_underlying(JournalRecord::kSuperblockV2);
}

void JournalSuperblock::choose_features(bool checksums, bool wide_blocks) {
  if (!has_features()) return;
  // "Revoke" may stay: it says that such records could exist, and this driver never writes any.
  std::uint32_t incompat = field(kIncompatAt) & kJournalRevoke;
  if (checksums) incompat |= kJournalChecksumV3;
  if (wide_blocks) incompat |= kJournal64Bit;
  set_field(kIncompatAt, incompat);
  set_field(kCompatAt, field(kCompatAt) & ~kJournalCompatChecksum);
  set_field(kChecksumTypeAt, checksums ? kChecksumTypeCrc32c : 0);
}

TransactionFormat JournalSuperblock::format(const std::array<std::uint8_t, 16>& uuid) const {
  TransactionFormat format = {.block_size = field(kBlockSizeAt), .uuid = uuid};
  if (!has_features()) return format;
  format.checksums = (field(kIncompatAt) & kJournalChecksumV3) != 0;
  format.wide_blocks = (field(kIncompatAt) & kJournal64Bit) != 0;
  format.seed = crc32c(~0U, std::span(bytes_).subspan(kUuidAt, kUuidSize));
  return format;
}

void JournalSuperblock::point_at(std::uint32_t start, std::uint32_t sequence) {
  set_field(kStartAt, start);
  set_field(kSequenceAt, sequence);
  if (has_checksum()) set_field(kJournalChecksumAt, computed_checksum());
}

std::uint32_t JournalSuperblock::field(std::size_t offset) const {
  return load_be<std::uint32_t>(bytes_, offset).value_or(0);
}

void JournalSuperblock::set_field(std::size_t offset, std::uint32_t value) {
  put_number(std::span(bytes_), offset, value);
}

bool JournalSuperblock::has_checksum() const {
  return has_features() && (field(kIncompatAt) & kAnyChecksum) != 0;
}

std::uint32_t JournalSuperblock::computed_checksum() const {
  Bytes copy = bytes_;
  put_number(std::span(copy), kJournalChecksumAt, std::uint32_t{0});
  return crc32c(~0U, copy);
}

// --- transactions ---

TransactionImage::TransactionImage(const TransactionFormat& format, std::uint32_t sequence,
                                   std::span<const JournalBlock> blocks)
    : format_(format), sequence_(sequence) {
  parts_.reserve(format.log_blocks_for(blocks.size()));
  while (!blocks.empty()) {
    const std::size_t count = std::min<std::size_t>(blocks.size(), format.tags_per_descriptor());
    add_descriptor(blocks.first(count));
    blocks = blocks.subspan(count);
  }
  const std::span<const std::byte> zeros = new_block();
  add_part(zeros);
  add_part(zeros);
}

std::span<std::byte> TransactionImage::new_block() {
  return own_blocks_.emplace_back(format_.block_size);
}

void TransactionImage::add_part(std::span<const std::byte> data) {
  // Only read from; iovec has no const form.
  parts_.push_back({.iov_base = const_cast<std::byte*>(data.data()), .iov_len = data.size()});
}

void TransactionImage::add_descriptor(std::span<const JournalBlock> blocks) {
  const std::span<std::byte> descriptor = new_block();
  put_header(descriptor, JournalRecord::kDescriptor, sequence_);
  add_part(descriptor);
  std::size_t offset = kRecordHeaderSize;
  for (const JournalBlock& block : blocks) {
    const std::uint32_t flags =
        (&block == &blocks.front() ? 0 : kTagSameUuid) | (&block == &blocks.back() ? kTagLast : 0);
    offset = add_tag(descriptor, offset, block, flags);
  }
  if (!format_.checksums) return;
  put_number(descriptor, descriptor.size() - kDescriptorTailSize, crc32c(format_.seed, descriptor));
}

// Describes the block in the descriptor and adds its image; returns the place for the next tag.
std::size_t TransactionImage::add_tag(std::span<std::byte> descriptor, std::size_t offset,
                                      const JournalBlock& block, std::uint32_t flags) {
  std::span<const std::byte> image = block.data;
  if (begins_with_magic(image)) {
    image = escaped(image);
    flags |= kTagEscaped;
  }
  add_part(image);
  put_number(descriptor, offset, static_cast<std::uint32_t>(block.block));
  // Without checksums the flags are the low half of this word and the high half is unused.
  put_number(descriptor, offset + 4, flags);
  if (format_.tag_size() > 8)
    put_number(descriptor, offset + 8, static_cast<std::uint32_t>(block.block >> 32));
  if (format_.checksums) {
    std::array<std::byte, 4> sequence = {};
    put_number(std::span(sequence), 0, sequence_);
    put_number(descriptor, offset + 12, crc32c(crc32c(format_.seed, sequence), image));
  }
  offset += format_.tag_size();
  if ((flags & kTagSameUuid) != 0) return offset;
  std::ranges::copy(std::as_bytes(std::span(format_.uuid)), descriptor.subspan(offset).begin());
  return offset + kUuidSize;
}

// A block that looks like a record would end the replay; it travels with its first word zeroed.
std::span<const std::byte> TransactionImage::escaped(std::span<const std::byte> data) {
  const std::span<std::byte> copy = new_block();
  std::ranges::copy(data, copy.begin());
  put_number(copy, 0, std::uint32_t{0});
  return copy;
}

std::vector<std::byte> commit_block(const TransactionFormat& format, std::uint32_t sequence) {
  std::vector<std::byte> block(format.block_size);
  put_header(block, JournalRecord::kCommit, sequence);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds);
  put_number(std::span(block), kCommitSecondsAt, static_cast<std::uint64_t>(seconds.count()));
  put_number(std::span(block), kCommitNanosecondsAt, static_cast<std::uint32_t>(rest.count()));
  if (format.checksums) put_number(std::span(block), kCommitChecksumAt, crc32c(format.seed, block));
  return block;
}

}  // namespace airlock::ext
