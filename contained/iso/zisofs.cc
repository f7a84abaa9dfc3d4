// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/zisofs.h"

#include <libdeflate.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "lib/base/byte_view.h"

namespace airlock::iso {
namespace {

constexpr unsigned kSmallestShift = 15, kLargestShift = 17;
constexpr std::uint32_t kShortestHeader = 16;
constexpr std::size_t kPointer = sizeof(std::uint32_t);

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* library) const {
    ::libdeflate_free_decompressor(library);
  }
};

// A file, block for block. Keeps its buffers for the next one.
class CompressedFile {
 public:
  CompressedFile(const MediumReader& medium, const FileSections& sections,
                 const Compression& compression)
      : medium_(medium),
        sections_(sections),
        compression_(compression),
        block_size_(std::size_t{1} << compression.block_shift) {}

  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) {
    while (!into.empty()) {
      const std::uint64_t number = offset / block_size_;
      const std::uint64_t begin = number * block_size_;
      if (begin >= compression_.size) return refuse(EIO);
      const auto length =
          static_cast<std::size_t>(std::min<std::uint64_t>(block_size_, compression_.size - begin));
      const auto skipped = static_cast<std::size_t>(offset - begin);
      if (skipped >= length) return refuse(EIO);
      const auto part = into.first(std::min(into.size(), length - skipped));
      if (part.size() == length) {
        TRY_VOID(read_block(number, part));
      } else {
        block_.resize(length);
        TRY_VOID(read_block(number, block_));
        std::ranges::copy(std::span(block_).subspan(skipped, part.size()), part.begin());
      }
      offset += part.size();
      into = into.subspan(part.size());
    }
    return {};
  }

 private:
  Outcome<void> read_block(std::uint64_t number, std::span<std::byte> into) {
    std::array<std::byte, 2 * kPointer> pointers;
    TRY_VOID(read_data(compression_.header_size + number * kPointer, pointers));
    const auto begin = load_le<std::uint32_t>(pointers, 0).value_or(0);
    const auto end = load_le<std::uint32_t>(pointers, kPointer).value_or(0);
    // A compressor makes no block longer than a few bytes more than what it is given.
    if (end < begin || end - begin > 2 * block_size_) return refuse(EIO);
    if (begin == end) {
      std::ranges::fill(into, std::byte{0});
      return {};
    }
    compressed_.resize(end - begin);
    TRY_VOID(read_data(begin, compressed_));
    return decompress(into);
  }

  // All of `into`, or EIO.
  Outcome<void> decompress(std::span<std::byte> into) {
    if (library_ == nullptr) library_.reset(::libdeflate_alloc_decompressor());
    if (library_ == nullptr) return refuse(ENOMEM);
    const auto done = ::libdeflate_zlib_decompress(library_.get(), compressed_.data(),
                                                   compressed_.size(), into.data(), into.size(),
                                                   /*actual_out_nbytes_ret=*/nullptr);
    return done == LIBDEFLATE_SUCCESS ? Outcome<void>{} : refuse(EIO);
  }

  Outcome<void> read_data(std::uint64_t offset, std::span<std::byte> into) {
    return sections_.read(medium_, offset, into);
  }

  const MediumReader& medium_;
  const FileSections& sections_;
  const Compression& compression_;
  std::size_t block_size_;
  std::unique_ptr<libdeflate_decompressor, FreeDecompressor> library_;
  std::vector<std::byte> compressed_;
  std::vector<std::byte> block_;
};

}  // namespace

Outcome<void> read_compressed(const MediumReader& medium, const FileSections& sections,
                              const Compression& compression, std::uint64_t offset,
                              std::span<std::byte> into) {
  if (!compression.is_known) return refuse(EOPNOTSUPP);
  if (compression.block_shift < kSmallestShift || compression.block_shift > kLargestShift ||
      compression.header_size < kShortestHeader)
    return refuse(EIO);
  return CompressedFile(medium, sections, compression).read(offset, into);
}

}  // namespace airlock::iso
