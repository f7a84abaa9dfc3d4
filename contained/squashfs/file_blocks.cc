// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/file_blocks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::uint64_t kSmallestStride = 512;
constexpr std::uint64_t kMostSums = 4096;
constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

// A multiple of the smallest one, so that a walk from sum to sum takes whole pieces.
std::uint64_t stride_of(std::uint64_t blocks) {
  return std::max<std::uint64_t>(1, blocks / kMostSums / kSmallestStride + 1) * kSmallestStride;
}

// Moves the place on by so many blocks.
Outcome<void> pass(FileBlocks::Place& place, std::uint64_t blocks) {
  std::array<std::byte, kSmallestStride * kLengthBytes> bytes;
  while (blocks > 0) {
    const auto part = static_cast<std::size_t>(std::min(blocks, kSmallestStride));
    const auto lengths = std::span(bytes).first(part * kLengthBytes);
    TRY_VOID(place.lengths.read(lengths));
    for (std::size_t i = 0; i < part; ++i) place.data += stored_bytes(u32(lengths, 4 * i));
    blocks -= part;
  }
  return {};
}

}  // namespace

std::uint64_t FileBlocks::count(const Inode& file) const {
  const bool rounds_up = file.fragment == kNone && file.size % block_size_ != 0;
  return file.size / block_size_ + (rounds_up ? 1 : 0);
}

Outcome<FileBlocks::Place> FileBlocks::find(std::uint64_t key, const Inode& file,
                                            std::uint64_t block) const {
  const std::uint64_t blocks = count(file);
  if (blocks > kMostBlocks) return refuse(EFBIG);
  const std::uint64_t stride = stride_of(blocks);
  Place place = {.data = file.start, .lengths = file.rest};
  std::uint64_t number = block < stride ? 0 : nearest(key, block / stride, place);
  for (; number < block / stride; ++number) {
    TRY_VOID(pass(place, stride));
    keep(key, number, place);
  }
  TRY_VOID(pass(place, block % stride));
  return place;
}

FileBlocks::Sums& FileBlocks::sums_of(std::uint64_t key) const {
  auto found = std::ranges::find(files_, key, &Sums::key);
  if (found == files_.end()) {
    if (files_.size() == kMostFiles) files_.pop_back();
    found = files_.insert(files_.begin(), Sums{.key = key, .sums = {}});
  }
  files_.splice(files_.begin(), files_, found);
  return files_.front();
}

// How many strides are known, `wanted` at most; the place is behind them.
std::uint64_t FileBlocks::nearest(std::uint64_t key, std::uint64_t wanted, Place& place) const {
  const std::scoped_lock lock(mutex_);
  const auto& sums = sums_of(key).sums;
  const std::uint64_t number = std::min<std::uint64_t>(wanted, sums.size());
  if (number == 0) return 0;
  const Sum& sum = sums[static_cast<std::size_t>(number - 1)];
  place = {.data = sum.data,
           .lengths = MetadataCursor(metadata_, sum.metadata_block, sum.metadata_offset)};
  return number;
}

void FileBlocks::keep(std::uint64_t key, std::uint64_t number, const Place& place) const {
  const std::scoped_lock lock(mutex_);
  auto& sums = sums_of(key).sums;
  if (sums.size() != number) return;
  sums.push_back({.data = place.data,
                  .metadata_block = place.lengths.block(),
                  .metadata_offset = place.lengths.offset()});
}

}  // namespace airlock::squashfs
