// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/file_data.h"

#include <algorithm>
#include <cerrno>

#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kExtentHeader = 24, kDescriptorsLength = 20;
// Enough for all pieces in the smallest blocks.
constexpr int kMostContinuations = 4096;

enum class ExtentType : std::uint8_t { kRecorded, kAllocated, kNeither, kDescriptors };

struct Extent {
  ExtentType type;
  std::uint32_t bytes;
  Place place;
};

std::size_t bytes_of(Allocation allocation) {
  switch (allocation) {
    case Allocation::kShort:
      return 8;
    case Allocation::kLong:
      return LongExtent::kBytes;
    default:
      return 20;
  }
}

// A short one means the partition that its file entry is in.
Extent extent_of(std::span<const std::byte> bytes, Allocation allocation, std::uint16_t partition) {
  const auto length = load_le<std::uint32_t>(bytes, 0).value_or(0);
  Extent extent = {.type = static_cast<ExtentType>(length >> 30), .bytes = length & 0x3fffffff};
  if (allocation == Allocation::kShort) {
    extent.place = {.block = load_le<std::uint32_t>(bytes, 4).value_or(0), .partition = partition};
  } else {
    // An extended one also says twice how much of it is recorded, and of what.
    extent.place = LongExtent::decode(bytes, allocation == Allocation::kLong ? 0 : 8).place;
  }
  return extent;
}

}  // namespace

class FileDataLoader {
 public:
  FileDataLoader(const BlockReader& reader, const FileEntry& entry)
      : reader_(reader), entry_(entry), bytes_(entry.allocated) {}

  Outcome<FileData> load() {
    data_.size_ = entry_.size;
    if (entry_.allocation == Allocation::kInside) return load_inside();
    const std::size_t length = bytes_of(entry_.allocation);
    for (std::size_t at = 0; data_.end() < entry_.size && bytes_.size() - at >= length;) {
      const auto extent = extent_of(std::span(bytes_).subspan(at, length), entry_.allocation,
                                    entry_.place.partition);
      if (extent.bytes == 0) break;
      at += length;
      if (extent.type == ExtentType::kDescriptors) {
        TRY_VOID(continue_at(extent.place));
        at = 0;
      } else {
        TRY_VOID(add(extent));
      }
    }
    return std::move(data_);
  }

 private:
  Outcome<FileData> load_inside() {
    if (bytes_.size() < entry_.size) return refuse(EIO);
    data_.is_inside_ = true;
    data_.inside_ = std::move(bytes_);
    return std::move(data_);
  }

  Outcome<void> continue_at(Place place) {
    if (++continuations_ > kMostContinuations) return refuse(EIO);
    TRY(const auto block, reader_.read_block(place));
    if (read_tag_of(place.block, block) != Tag::kAllocationExtent) return refuse(EIO);
    const auto length = load_le<std::uint32_t>(block, kDescriptorsLength).value_or(0);
    if (length > block.size() - kExtentHeader) return refuse(EIO);
    bytes_.assign(block.begin() + kExtentHeader, block.begin() + kExtentHeader + length);
    return {};
  }

  Outcome<void> add(const Extent& extent) {
    const auto kind =
        extent.type == ExtentType::kRecorded ? FileData::Kind::kRecorded : FileData::Kind::kHole;
    if (kind == FileData::Kind::kHole)
      data_.holes_ += std::min<std::uint64_t>(extent.bytes, entry_.size - data_.end());
    auto& pieces = data_.pieces_;
    if (!pieces.empty() && continues(pieces.back(), extent, kind)) {
      pieces.back().length += extent.bytes;
      return {};
    }
    if (pieces.size() == FileData::kMostPieces) return refuse(EIO);
    pieces.push_back(
        {.begin = data_.end(), .length = extent.bytes, .place = extent.place, .kind = kind});
    return {};
  }

  [[nodiscard]] bool continues(const FileData::Piece& last, const Extent& extent,
                               FileData::Kind kind) const {
    if (last.kind != kind) return false;
    if (kind == FileData::Kind::kHole) return true;
    return last.length % reader_.block_size() == 0 &&
           last.place.partition == extent.place.partition &&
           last.place.block + last.length / reader_.block_size() == extent.place.block;
  }

  const BlockReader& reader_;
  const FileEntry& entry_;
  std::vector<std::byte> bytes_;  // of descriptors, as far as they are in one piece
  int continuations_ = 0;
  FileData data_;
};

Outcome<FileData> FileData::load(const BlockReader& reader, const FileEntry& entry) {
  return FileDataLoader(reader, entry).load();
}

Outcome<void> FileData::read(const BlockReader& reader, std::uint64_t offset,
                             std::span<std::byte> into) const {
  if (offset > size_ || into.size() > size_ - offset) return refuse(EIO);
  if (is_inside_) {
    std::ranges::copy(std::span(inside_).subspan(static_cast<std::size_t>(offset), into.size()),
                      into.begin());
    return {};
  }
  auto piece = std::ranges::upper_bound(pieces_, offset, {}, &Piece::begin);
  if (piece != pieces_.begin()) --piece;
  for (; !into.empty() && piece != pieces_.end(); ++piece) {
    const std::uint64_t within = offset - piece->begin;
    if (within >= piece->length) break;
    const auto part = into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), piece->length - within)));
    if (piece->kind == Kind::kHole) {
      std::ranges::fill(part, std::byte{0});
    } else {
      TRY_VOID(reader.read(piece->place, within, part));
    }
    offset += part.size();
    into = into.subspan(part.size());
  }
  return into.empty() ? Outcome<void>{} : refuse(EIO);
}

}  // namespace airlock::udf
