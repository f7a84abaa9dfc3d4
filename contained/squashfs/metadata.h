// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "contained/runtime/medium_reader.h"
#include "contained/runtime/outcome.h"
#include "contained/squashfs/block_cache.h"
#include "contained/squashfs/decompressor.h"
#include "contained/squashfs/superblock.h"

namespace airlock::squashfs {

// Everything but the data of files lies in blocks of 8 KiB, compressed one by one, one behind the
// other. Only walking along them tells where the next one begins.
class Metadata {
 public:
  static constexpr std::size_t kBlockBytes = 8192;

  Metadata(const MediumReader& medium, const Benches& benches, std::uint64_t used)
      : medium_(medium), benches_(benches), used_(used) {}

  // Never empty.
  Outcome<SharedBlock> block(std::uint64_t place) const;
  // Part of entry `index` of a table that is found by a list of the places of its blocks.
  Outcome<void> read_entry(std::uint64_t list, std::uint64_t index,
                           std::span<std::byte> into) const;

 private:
  Outcome<Block> make(std::uint64_t place) const;

  const MediumReader& medium_;
  const Benches& benches_;
  std::uint64_t used_;
  BlockCache cache_{std::size_t{4} << 20};
};

// A place in metadata that moves on as it is read. Copies are cheap.
class MetadataCursor {
 public:
  MetadataCursor(const Metadata& metadata, std::uint64_t block, std::size_t offset)
      : metadata_(&metadata), place_(block), offset_(offset) {}

  Outcome<void> read(std::span<std::byte> into) { return walk(into.size(), into.data()); }
  // It costs a look at every block between, so the caller bounds the count.
  Outcome<void> skip(std::uint64_t count) { return walk(count, nullptr); }
  template <std::size_t kBytes>
  Outcome<std::array<std::byte, kBytes>> take() {
    std::array<std::byte, kBytes> bytes;
    if (auto got = read(bytes); !got) return std::unexpected(got.error());
    return bytes;
  }
  [[nodiscard]] std::uint64_t block() const { return place_; }
  [[nodiscard]] std::size_t offset() const { return offset_; }

 private:
  Outcome<void> walk(std::uint64_t count, std::byte* into);

  const Metadata* metadata_;
  std::uint64_t place_;
  std::size_t offset_;
  SharedBlock block_;  // the one at place_, once it was read
};

}  // namespace airlock::squashfs
