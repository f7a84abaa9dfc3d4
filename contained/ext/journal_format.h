// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "lib/base/error.h"

namespace airlock::ext {

// The bytes of a jbd2 journal, without any idea of when to write them. All numbers are big-endian.
// Layout: https://docs.kernel.org/filesystems/ext4/journal.html

// One block of metadata and its new content; data is exactly one filesystem block.
struct JournalBlock {
  std::uint64_t block = 0;
  std::span<const std::byte> data;
};

inline constexpr std::uint32_t kJournalMagic = 0xC03B3998;

enum class JournalRecord : std::uint32_t {
  kDescriptor = 1,
  kCommit = 2,
  kSuperblockV1 = 3,
  kSuperblockV2 = 4,
};

inline constexpr std::uint32_t kJournalCompatChecksum = 0x1;
inline constexpr std::uint32_t kJournalRevoke = 0x1;
inline constexpr std::uint32_t kJournal64Bit = 0x2;
inline constexpr std::uint32_t kJournalAsyncCommit = 0x4;
inline constexpr std::uint32_t kJournalChecksumV2 = 0x8;
inline constexpr std::uint32_t kJournalChecksumV3 = 0x10;
inline constexpr std::uint32_t kJournalFastCommit = 0x20;

// How the blocks of a transaction are encoded, as the features in the superblock announce it.
struct TransactionFormat {
  std::uint32_t block_size = 0;
  bool checksums = false;    // CSUM_V3; the older two kinds are never written
  bool wide_blocks = false;  // 64BIT
  std::uint32_t seed = 0;    // of all checksums: from the journal's own UUID
  std::array<std::uint8_t, 16> uuid = {};

  [[nodiscard]] std::uint32_t tag_size() const;
  [[nodiscard]] std::uint32_t tags_per_descriptor() const;
  // Descriptors, the blocks themselves, the commit block and the stopper after it.
  [[nodiscard]] std::uint64_t log_blocks_for(std::uint64_t block_count) const;
  // The inverse: how many blocks fit into that much log.
  [[nodiscard]] std::uint32_t blocks_that_fit(std::uint32_t log_blocks) const;
};

// The journal's superblock: 1024 bytes; unknown fields stay as they are.
class JournalSuperblock {
 public:
  static constexpr std::size_t kSize = 1024;
  using Bytes = std::array<std::byte, kSize>;

  // Typed refusals: kWrongFormat (not a journal), kCorrupted, kUnsupported.
  static Result<JournalSuperblock> parse(const Bytes& bytes, std::uint32_t block_size,
                                         std::uint64_t available_blocks);

  [[nodiscard]] std::uint32_t first() const;
  [[nodiscard]] std::uint32_t length() const;
  [[nodiscard]] std::uint32_t start() const;
  [[nodiscard]] std::uint32_t sequence() const;
  [[nodiscard]] bool has_features() const;  // version 2; version 1 has no features

  // Turns on checksums and wide block numbers or turns them off, like the kernel when it mounts;
  // drops the features that this driver does not write. Only for a journal that is not in use.
  void choose_features(bool checksums, bool wide_blocks);
  [[nodiscard]] TransactionFormat format(const std::array<std::uint8_t, 16>& uuid) const;

  // Points at a transaction (start 0: at none) and renews the checksum.
  void point_at(std::uint32_t start, std::uint32_t sequence);
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  explicit JournalSuperblock(const Bytes& bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint32_t field(std::size_t offset) const;
  void set_field(std::size_t offset, std::uint32_t value);
  [[nodiscard]] bool has_checksum() const;
  [[nodiscard]] std::uint32_t computed_checksum() const;
  [[nodiscard]] Result<void> check_features() const;
  [[nodiscard]] Result<void> check_extent(std::uint32_t block_size,
                                          std::uint64_t available_blocks) const;

  Bytes bytes_;
};

// One transaction laid out for the log: descriptors and block images in order, then two zero
// blocks, the places of the commit block and of the stopper. Its parts point to the caller's data
// if possible; blocks that begin with the journal's magic are copied and escaped.
class TransactionImage {
 public:
  TransactionImage(const TransactionFormat& format, std::uint32_t sequence,
                   std::span<const JournalBlock> blocks);
  TransactionImage(const TransactionImage&) = delete;
  TransactionImage& operator=(const TransactionImage&) = delete;

  // One part per log block. The array may be changed, but not the data it points to.
  [[nodiscard]] std::span<iovec> parts() { return parts_; }

 private:
  std::span<std::byte> new_block();
  void add_descriptor(std::span<const JournalBlock> blocks);
  std::size_t add_tag(std::span<std::byte> descriptor, std::size_t offset,
                      const JournalBlock& block, std::uint32_t flags);
  std::span<const std::byte> escaped(std::span<const std::byte> data);
  void add_part(std::span<const std::byte> data);

  TransactionFormat format_;
  std::uint32_t sequence_;
  std::list<std::vector<std::byte>> own_blocks_;
  std::vector<iovec> parts_;
};

// The block that makes a transaction valid.
std::vector<std::byte> commit_block(const TransactionFormat& format, std::uint32_t sequence);

}  // namespace airlock::ext
