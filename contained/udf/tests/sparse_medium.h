// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "contained/runtime/block_io.h"
#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"
#include "tests/fuzz/fuzz_input.h"

namespace airlock::udf {

// A medium of zeroes but for some runs of sectors. In an input: u24 sectors of the medium, and then
// runs, each of u24 its first sector, u8 their number (0: the last one was before), and their
// bytes.
class SparseMedium final : public BlockIo {
 public:
  static constexpr std::size_t kSector = 512;

  explicit SparseMedium(FuzzInput& input) : size_(input.number(3) * kSector) {
    for (;;) {
      const std::uint64_t first = input.number(3);
      const std::size_t count = input.byte();
      if (count == 0) break;
      auto& run = runs_[first * kSector];
      run.resize(count * kSector);
      std::ranges::copy(std::as_bytes(input.bytes(run.size())), run.begin());
    }
  }

  [[nodiscard]] std::map<std::uint64_t, std::vector<std::byte>>& runs() { return runs_; }

  // Gives all that looks like a descriptor the checksums that it would have. Otherwise most damage
  // would end there.
  void sign_again() {
    for (auto& [offset, run] : runs_)
      for (std::size_t at = 0; at + kTagBytes <= run.size(); at += 4)
        sign_again(std::span(run).subspan(at));
  }

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] bool writable() const override { return false; }
  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset > size_ || into.size() > size_ - offset) return refuse(EIO);
    std::ranges::fill(into, std::byte{0});
    for (const auto& [begin, run] : runs_) {
      const std::uint64_t from = std::max(begin, offset);
      const std::uint64_t to = std::min(begin + run.size(), offset + into.size());
      if (from < to) std::memcpy(&into[from - offset], &run[from - begin], to - from);
    }
    return {};
  }
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override {
    for (const iovec& part : parts) {
      TRY_VOID(read(offset, std::span(static_cast<std::byte*>(part.iov_base), part.iov_len)));
      offset += part.iov_len;
    }
    return {};
  }
  Outcome<void> write(std::uint64_t, std::span<const std::byte>) override { return refuse(EROFS); }
  Outcome<void> write_gather(std::uint64_t, std::span<iovec>) override { return refuse(EROFS); }
  Outcome<void> flush() override { return {}; }
  Outcome<void> discard(std::uint64_t, std::uint64_t) override { return refuse(EROFS); }

 private:
  static void sign_again(std::span<std::byte> bytes) {
    const auto kind = *load_le<std::uint16_t>(bytes, 0);
    const auto version = *load_le<std::uint16_t>(bytes, 2);
    const std::size_t length = *load_le<std::uint16_t>(bytes, 10);
    if (kind > 9 && (kind < 256 || kind > 266)) return;
    if ((version != 2 && version != 3) || bytes[5] != std::byte{0} || length == 0) return;
    if (length > bytes.size() - kTagBytes) return;
    (void)store_le<std::uint16_t>(bytes, 8, crc_of(bytes.subspan(kTagBytes, length)));
    unsigned sum = 0;
    for (std::size_t i = 0; i < kTagBytes; ++i)
      if (i != 4) sum += std::to_integer<unsigned>(bytes[i]);
    bytes[4] = static_cast<std::byte>(sum);
  }

  std::uint64_t size_;
  std::map<std::uint64_t, std::vector<std::byte>> runs_;
};

}  // namespace airlock::udf
