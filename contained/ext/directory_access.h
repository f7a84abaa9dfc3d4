// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "contained/ext/directory.h"
#include "contained/ext/directory_record.h"

// The blocks of one directory with their checksums taken care of: verified once when read, set
// when changed. Lives for one operation; every part of the directory code works through it.
namespace airlock::ext {

// A block to be walked as records, whatever it is.
struct ScannedBlock {
  std::span<std::byte> bytes;
  std::span<std::byte> records;  // an index block shows none but the dots
};

inline constexpr std::string_view kMalformedEntry = "directory block has a malformed entry";
// More leaves than this never go on with the names of one hash: an index that says so leads in a
// circle.
inline constexpr std::uint32_t kMostLeavesOfHash = 1024;
inline constexpr std::string_view kTooManyOfHash = "too many names have the same hash";

class DirectoryAccess {
 public:
  DirectoryAccess(const DirectoryFormat& format, DirectoryBlocks& blocks, std::uint32_t seed)
      : format_(format), blocks_(blocks), seed_(seed) {}

  const DirectoryFormat& format() const { return format_; }
  DirectoryBlocks& blocks() const { return blocks_; }
  std::uint32_t count() const { return blocks_.count(); }
  RecordFormat record_format() const {
    return {
        .block_size = format_.block_size, .file_types = format_.file_types, .folding = folding()};
  }
  const NameFolding* folding() const { return format_.folding_in(blocks_.folded()); }
  // Whether there is an index to be used and kept.
  bool hashed() const { return format_.dir_index && blocks_.indexed(); }

  // The records of a leaf, without its checksum.
  Outcome<std::span<std::byte>> leaf(std::uint32_t index);
  // An index node, the whole block.
  Outcome<std::span<std::byte>> node(std::uint32_t index, std::size_t count_offset);
  // Any block, for going through all of them.
  Outcome<ScannedBlock> scan(std::uint32_t index);
  // A block about to be overwritten: not verified, so not to be believed.
  Outcome<std::span<std::byte>> raw(std::uint32_t index);
  // The part of a raw block that holds the records of a leaf.
  std::span<std::byte> leaf_part(std::span<std::byte> block) const;
  // A new leaf without entries; its index.
  Outcome<std::uint32_t> append_leaf();

  // Sets the checksum and passes the change on.
  Outcome<void> leaf_changed(std::uint32_t index);
  Outcome<void> node_changed(std::uint32_t index, std::size_t count_offset);

  std::unexpected<Errno> broken(std::uint32_t block, std::string_view what) const;

 private:
  Outcome<DirectoryBlock> load(std::uint32_t index);
  Outcome<std::span<std::byte>> checked_node(std::uint32_t index, const DirectoryBlock& block,
                                             std::size_t count_offset);
  Outcome<std::span<std::byte>> checked_leaf(std::uint32_t index, const DirectoryBlock& block);

  const DirectoryFormat& format_;
  DirectoryBlocks& blocks_;
  std::uint32_t seed_;
};

}  // namespace airlock::ext
