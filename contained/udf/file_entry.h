// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <ctime>
#include <vector>

#include "contained/udf/block_reader.h"

namespace airlock::udf {

// What a file is, beside those that programs see.
enum class FileType : std::uint8_t {
  kUnspecified = 0,
  kDirectory = 4,
  kRegular = 5,
  kBlockDevice = 6,
  kCharacterDevice = 7,
  kPipe = 9,
  kSocket = 10,
  kSymbolicLink = 12,
  kVirtualTable = 248,
  kRealTime = 249,
  kMetadata = 250,
  kMetadataMirror = 251,
};

// How the entry says where the data is.
enum class Allocation : std::uint8_t { kShort = 0, kLong = 1, kExtended = 2, kInside = 3 };

// What the medium says of one file: a file entry or an extended one (ECMA-167, 4/14.9 and 4/14.17).
struct FileEntry {
  // From the block of an entry; EIO if it is none, or its parts don't lie in the block.
  static Outcome<FileEntry> decode(std::span<const std::byte> block, std::uint32_t location);
  // At this place, or where a chain of indirect entries leads from there.
  static Outcome<FileEntry> read(const BlockReader& reader, Place place);

  Place place;  // of the entry itself
  FileType type = FileType::kUnspecified;
  mode_t permissions = 0;
  nlink_t links = 0;
  uid_t user = 0;
  gid_t group = 0;
  dev_t device = 0;
  std::uint64_t size = 0;
  timespec modified = {};
  Allocation allocation = Allocation::kShort;
  std::vector<std::byte> allocated;  // descriptors of extents, or the data itself
};

}  // namespace airlock::udf
