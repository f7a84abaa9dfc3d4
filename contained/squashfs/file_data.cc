// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/file_data.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "contained/runtime/reader_token.h"
#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::size_t kFragmentBytes = 16;
// Lengths that are looked at together: those of a request, in blocks of any size.
constexpr std::size_t kMostTogether = 256;

void copy_from_block(std::span<const std::byte> block, std::size_t from,
                     std::span<std::byte> into) {
  std::ranges::copy(block.subspan(from, into.size()), into.begin());
}

}  // namespace

Outcome<void> FileData::read(std::uint64_t key, const Inode& file, std::uint64_t offset,
                             std::span<std::byte> into) const {
  const std::uint64_t blocks = blocks_.count(file);
  if (blocks > FileBlocks::kMostBlocks) return refuse(EFBIG);
  const std::uint64_t fragment = file.fragment == kNone ? file.size : blocks * super_.block_size;
  if (offset < fragment) {
    const auto part = into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), fragment - offset)));
    TRY_VOID(read_blocks(key, file, offset, part));
    offset += part.size();
    into = into.subspan(part.size());
  }
  return into.empty() ? Outcome<void>{} : read_fragment(file, offset - fragment, into);
}

Outcome<void> FileData::read_blocks(std::uint64_t key, const Inode& file, std::uint64_t offset,
                                    std::span<std::byte> into) const {
  const std::size_t block_size = super_.block_size;
  std::uint64_t block = offset / block_size;
  auto from = static_cast<std::size_t>(offset % block_size);
  TRY(FileBlocks::Place place, blocks_.find(key, file, block));
  const Benches::Lease bench = benches_.take();
  while (!into.empty()) {
    const std::size_t together =
        std::min(kMostTogether, (from + into.size() + block_size - 1) / block_size);
    std::array<std::byte, kMostTogether * sizeof(std::uint32_t)> lengths;
    TRY_VOID(place.lengths.read(std::span(lengths).first(together * sizeof(std::uint32_t))));
    for (std::size_t i = 0; i < together; ++i, ++block) {
      const std::uint64_t left = file.size - block * block_size;
      Part part = {.place = place.data, .length = u32(lengths, i * sizeof(std::uint32_t))};
      part.size = static_cast<std::size_t>(std::min<std::uint64_t>(block_size, left));
      part.from = from;
      part.into = into.first(std::min(into.size(), part.size - from));
      TRY_VOID(read_part(part, *bench));
      place.data += stored_bytes(part.length);
      into = into.subspan(part.into.size());
      from = 0;
    }
  }
  return {};
}

Outcome<void> FileData::read_fragment(const Inode& file, std::uint64_t offset,
                                      std::span<std::byte> into) const {
  if (file.fragment >= super_.fragment_count) return refuse(EIO);
  std::array<std::byte, kFragmentBytes> entry;
  TRY_VOID(metadata_.read_entry(super_.fragments, file.fragment, entry));
  const std::uint64_t from = file.fragment_offset + offset;
  // How much there is beside the end of this file only decompressing tells.
  if (from + into.size() > super_.block_size) return refuse(EIO);
  const Benches::Lease bench = benches_.take();
  return read_part({.place = u64(entry, 0),
                    .length = u32(entry, 8),
                    .size = 0,
                    .from = static_cast<std::size_t>(from),
                    .into = into},
                   *bench);
}

Outcome<void> FileData::read_part(const Part& part, Bench& bench) const {
  const std::size_t stored = stored_bytes(part.length);
  const bool is_fragment = part.size == 0;
  if (stored == 0) {
    if (is_fragment) return refuse(EIO);
    std::ranges::fill(part.into, std::byte{0});
    return {};
  }
  if (stored > super_.block_size || part.place >= super_.used || stored > super_.used - part.place)
    return refuse(EIO);
  if ((part.length & kStoredAsItIs) != 0) {
    if (is_fragment ? part.from + part.into.size() > stored : stored != part.size)
      return refuse(EIO);
    return medium_.read(part.place + part.from, part.into);
  }
  if (part.into.size() == part.size) {
    if (const SharedBlock kept = cache_.kept(part.place);
        kept != nullptr && kept->size == part.size) {
      copy_from_block(kept->bytes(), 0, part.into);
      return {};
    }
    TRY(const std::size_t made, decompress(part, part.into, bench));
    return made == part.size ? Outcome<void>{} : refuse(EIO);
  }
  TRY(const SharedBlock block, cache_.get(part.place, [&]() -> Outcome<Block> {
    const std::size_t room = is_fragment ? super_.block_size : part.size;
    Block made = {.memory = std::make_unique_for_overwrite<std::byte[]>(room)};
    TRY(made.size, decompress(part, {made.memory.get(), room}, bench));
    return made;
  }));
  const bool fits =
      is_fragment ? part.from + part.into.size() <= block->size : block->size == part.size;
  if (!fits) return refuse(EIO);
  copy_from_block(block->bytes(), part.from, part.into);
  return {};
}

// How many bytes it made.
Outcome<std::size_t> FileData::decompress(const Part& part, std::span<std::byte> whole,
                                          Bench& bench) const {
  const auto stored = bench.room(stored_bytes(part.length));
  TRY_VOID(medium_.read(part.place, stored));
  ReaderToken::give();  // decompressing may take as long as reading did
  return bench.decompressor->run(stored, whole);
}

}  // namespace airlock::squashfs
