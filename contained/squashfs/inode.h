// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "contained/runtime/outcome.h"
#include "contained/squashfs/metadata.h"

namespace airlock::squashfs {

inline constexpr std::uint32_t kNone = 0xffffffff;  // no fragment, no attributes

// The record of a file, in whichever of its fourteen forms the medium has it.
struct Inode {
  mode_t mode = 0;
  std::uint16_t user = 0;  // an index of the id table, as is the group
  std::uint16_t group = 0;
  std::uint32_t modified = 0;
  std::uint32_t links = 1;
  std::uint64_t size = 0;  // of a directory: of its listing
  dev_t device = 0;
  std::uint32_t attributes = kNone;

  // Of a regular file.
  std::uint64_t start = 0;  // its first block on the medium
  std::uint64_t holes = 0;
  std::uint32_t fragment = kNone;
  std::uint32_t fragment_offset = 0;

  // Of a directory.
  std::uint32_t listing_block = 0;
  std::uint16_t listing_offset = 0;
  std::uint32_t parent = 0;  // the number of its inode
  std::uint16_t index_count = 0;

  // The bytes after the record: the sizes of the blocks of a file, the target of a link, the index
  // of a directory.
  MetadataCursor rest;
};

// `reference` is the place of a metadata block, counted from where the table begins, and an offset.
Outcome<Inode> read_inode(const Metadata& metadata, std::uint64_t table, std::uint64_t reference);

}  // namespace airlock::squashfs
