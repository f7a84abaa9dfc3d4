// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "contained/runtime/outcome.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The medium as a driver sees it: a fixed number of bytes that can be read and written at any
// offset, by any thread. Nothing outside [0, size()) is ever touched: such a request is EIO before
// it reaches the device. Tests put a recording or failing medium in its place.
class BlockIo {
 public:
  virtual ~BlockIo() = default;

  [[nodiscard]] virtual std::uint64_t size() const = 0;
  [[nodiscard]] virtual bool writable() const = 0;

  // All of it or an error; a device that ends early is EIO.
  virtual Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) = 0;
  // The parts one after the other from offset on. May change the array of parts.
  virtual Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) = 0;
  virtual Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) = 0;

  // Returns once everything written so far is on the medium.
  virtual Outcome<void> flush() = 0;

  // The medium may forget these bytes. EOPNOTSUPP where it cannot.
  virtual Outcome<void> discard(std::uint64_t offset, std::uint64_t length) = 0;

  // For the few bytes two computers talk to each other with: read from the medium rather than from
  // a cache, as far as there is a way; written and on the medium when it returns, without waiting
  // for anything else that was written before.
  virtual Outcome<void> read_uncached(std::uint64_t offset, std::span<std::byte> into) {
    return read(offset, into);
  }
  virtual Outcome<void> write_through(std::uint64_t offset, std::span<const std::byte> from) {
    if (auto written = write(offset, from); !written) return written;
    return flush();
  }
};

// A block device or image file behind a descriptor somebody else opened. A device that is gone is
// EIO, whatever the kernel says of it; a full disk under an image file stays ENOSPC.
class DescriptorIo final : public BlockIo {
 public:
  // Finds out size and access mode from the descriptor itself.
  static Result<DescriptorIo> adopt(UniqueFd&& descriptor);

  DescriptorIo(DescriptorIo&&) noexcept = default;
  DescriptorIo& operator=(DescriptorIo&&) noexcept = default;

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] bool writable() const override { return writable_; }
  [[nodiscard]] bool is_device() const { return is_device_; }
  [[nodiscard]] BorrowedFd descriptor() const { return descriptor_.borrow(); }

  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override;
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override;
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override;
  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override;
  Outcome<void> flush() override;
  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override;
  Outcome<void> read_uncached(std::uint64_t offset, std::span<std::byte> into) override;
  Outcome<void> write_through(std::uint64_t offset, std::span<const std::byte> from) override;

 private:
  DescriptorIo(UniqueFd&& descriptor, std::uint64_t size, bool writable, bool is_device)
      : descriptor_(std::move(descriptor)),
        size_(size),
        writable_(writable),
        is_device_(is_device) {}
  [[nodiscard]] Outcome<void> judge(Outcome<void> outcome) const;

  UniqueFd descriptor_;
  std::uint64_t size_;
  bool writable_;
  bool is_device_;
};

}  // namespace airlock
