// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/metadata.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::size_t kHeaderBytes = 2;
constexpr std::uint16_t kNotCompressed = 0x8000;

}  // namespace

Outcome<SharedBlock> Metadata::block(std::uint64_t place) const {
  return cache_.get(place, [this, place] { return make(place); });
}

Outcome<Block> Metadata::make(std::uint64_t place) const {
  if (place >= used_) return refuse(EIO);
  std::array<std::byte, kHeaderBytes> header;
  TRY_VOID(medium_.read(place, header));
  const std::uint16_t word = u16(header, 0);
  const std::size_t stored = word & ~kNotCompressed;
  const std::uint64_t begin = place + kHeaderBytes;
  if (stored == 0 || stored > kBlockBytes || begin > used_ || stored > used_ - begin)
    return refuse(EIO);
  Block block = {.memory = std::make_unique_for_overwrite<std::byte[]>(kBlockBytes),
                 .size = stored,
                 .next = begin + stored};
  const std::span whole(block.memory.get(), kBlockBytes);
  if ((word & kNotCompressed) != 0) {
    TRY_VOID(medium_.read(begin, whole.first(stored)));
    return block;
  }
  const Benches::Lease bench = benches_.take();
  const auto from = bench->room(stored);
  TRY_VOID(medium_.read(begin, from));
  TRY(block.size, bench->decompressor->run(from, whole));
  if (block.size == 0) return refuse(EIO);
  return block;
}

Outcome<void> Metadata::read_entry(std::uint64_t list, std::uint64_t index,
                                   std::span<std::byte> into) const {
  const std::uint64_t in_block = kBlockBytes / into.size();
  std::array<std::byte, sizeof(std::uint64_t)> place;
  // Index and list are far smaller than 2^60, so nothing wraps; the medium ends the rest.
  TRY_VOID(medium_.read(list + index / in_block * place.size(), place));
  MetadataCursor cursor(*this, u64(place, 0),
                        static_cast<std::size_t>(index % in_block * into.size()));
  return cursor.read(into);
}

Outcome<void> MetadataCursor::walk(std::uint64_t count, std::byte* into) {
  while (count > 0) {
    if (block_ == nullptr) {
      TRY(block_, metadata_->block(place_));
    }
    // An offset comes from the medium, and the block may be shorter than it says.
    if (offset_ >= block_->size) return refuse(EIO);
    const std::size_t part =
        static_cast<std::size_t>(std::min<std::uint64_t>(count, block_->size - offset_));
    if (into != nullptr) {
      std::memcpy(into, block_->memory.get() + offset_, part);
      into += part;
    }
    count -= part;
    offset_ += part;
    if (offset_ == block_->size) {
      place_ = block_->next;
      offset_ = 0;
      block_ = nullptr;
    }
  }
  return {};
}

}  // namespace airlock::squashfs
