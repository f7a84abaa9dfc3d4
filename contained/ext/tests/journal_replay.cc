// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/tests/journal_replay.h"

#include <cstdlib>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"

namespace airlock::ext::test {
namespace {

using Bytes = std::vector<std::byte>;

std::uint32_t word(const Bytes& bytes, std::size_t at) {
  return load_be<std::uint32_t>(bytes, at).value();
}

std::uint32_t crc(std::uint32_t seed, const Bytes& bytes) {
  return ext2fs_crc32c_le(seed, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

Bytes with_zero_at(Bytes bytes, std::size_t at) {
  if (!store_be(std::span(bytes), at, std::uint32_t{0})) std::abort();
  return bytes;
}

// One walk over the log, transaction by transaction.
class Walk {
 public:
  Walk(BlockIo& medium, const JournalGeometry& geometry) : medium_(medium), geometry_(geometry) {
    const Bytes super = log_block(0);
    length_ = word(super, 0x10);
    first_ = word(super, 0x14);
    sequence_ = word(super, 0x18);
    position_ = word(super, 0x1C);
    const bool version2 = word(super, 4) == 4;
    checksums_ = version2 && (word(super, 0x28) & 0x10) != 0;
    wide_ = version2 && (word(super, 0x28) & 0x2) != 0;
    seed_ = crc(~0U, Bytes(super.begin() + 0x30, super.begin() + 0x40));
    // The scheme promises that a torn superblock never appears.
    const Bytes first1024(super.begin(), super.begin() + 1024);
    if (checksums_ && crc(~0U, with_zero_at(first1024, 0xFC)) != word(super, 0xFC)) std::abort();
  }

  int all() {
    int count = 0;
    while (position_ != 0 && whole_transaction()) ++count;
    return count;
  }

 private:
  struct Copy {
    std::uint64_t home;
    Bytes data;
  };

  bool whole_transaction() {
    std::vector<Copy> copies;
    for (;;) {
      const Bytes block = next();
      if (word(block, 0) != 0xC03B3998 || word(block, 8) != sequence_) return false;
      const std::uint32_t kind = word(block, 4);
      if (kind == 1 && read_descriptor(block, copies)) continue;
      if (kind != 2) return false;
      if (checksums_ && crc(seed_, with_zero_at(block, 16)) != word(block, 16)) return false;
      break;
    }
    for (const Copy& copy : copies)
      (void)medium_.write(copy.home * geometry_.block_size, copy.data).value();
    ++sequence_;
    return true;
  }

  bool read_descriptor(const Bytes& block, std::vector<Copy>& copies) {
    const std::size_t tail = block.size() - 4;
    if (checksums_ && crc(seed_, with_zero_at(block, tail)) != word(block, tail)) return false;
    const std::size_t size = checksums_ ? 16 : wide_ ? 12 : 8;
    const std::size_t end = checksums_ ? tail : block.size();
    for (std::size_t at = 12; at + size <= end;) {
      const std::uint32_t flags = word(block, at + 4) & 0xFFFF;
      const std::uint64_t high = wide_ ? word(block, at + 8) : 0;
      Copy copy = {.home = high << 32 | word(block, at), .data = next()};
      if (checksums_ && image_checksum(copy.data) != word(block, at + 12)) return false;
      if ((flags & 1) != 0 && !store_be(std::span(copy.data), 0, std::uint32_t{0xC03B3998}))
        std::abort();
      copies.push_back(std::move(copy));
      if ((flags & 8) != 0) break;
      at += size + ((flags & 2) != 0 ? 0 : 16);
    }
    return true;
  }

  std::uint32_t image_checksum(const Bytes& image) {
    Bytes sequence(4);
    if (!store_be(std::span(sequence), 0, sequence_)) std::abort();
    return crc(crc(seed_, sequence), image);
  }

  Bytes next() {
    Bytes block = log_block(position_);
    if (++position_ >= length_) position_ = first_;
    return block;
  }

  Bytes log_block(std::uint32_t index) {
    Bytes block(geometry_.block_size);
    for (const JournalRun& run : geometry_.runs) {
      if (index < run.count) {
        (void)medium_.read((run.start + index) * geometry_.block_size, block).value();
        return block;
      }
      index -= run.count;
    }
    std::abort();
  }

  BlockIo& medium_;
  const JournalGeometry& geometry_;
  std::uint32_t length_, first_, sequence_, position_, seed_;
  bool checksums_, wide_;
};

}  // namespace

int replay(BlockIo& medium, const JournalGeometry& geometry) {
  return Walk(medium, geometry).all();
}

}  // namespace airlock::ext::test
