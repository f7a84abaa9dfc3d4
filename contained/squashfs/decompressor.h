// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "contained/runtime/outcome.h"

namespace airlock::squashfs {

enum class Compression : std::uint16_t { kGzip = 1, kLzo = 3, kXz = 4, kLz4 = 5, kZstd = 6 };
inline constexpr std::uint16_t kLzmaNumber = 2;  // old, and neither here nor in Linux

// One library that decompresses, for one thread at a time.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  // How many bytes it made. EIO where `from` is damaged or needs more than there is room for.
  virtual Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) = 0;

  static std::unique_ptr<Decompressor> create(Compression compression);
};

// The tools of a thread that decompresses blocks: a decompressor, and memory for what it reads from
// the medium. Both are used again, because making them costs as much as a small block.
struct Bench {
  std::unique_ptr<Decompressor> decompressor;
  std::vector<std::byte> stored;

  // At least so much of `stored`.
  std::span<std::byte> room(std::size_t bytes);
};

// The benches of all threads.
class Benches {
 public:
  explicit Benches(Compression compression) : compression_(compression) {}

  // A bench until the end of a scope.
  class Lease {
   public:
    Lease(const Benches& owner, std::unique_ptr<Bench> bench)
        : owner_(owner), bench_(std::move(bench)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    Bench* operator->() const { return bench_.get(); }
    Bench& operator*() const { return *bench_; }

   private:
    const Benches& owner_;
    std::unique_ptr<Bench> bench_;
  };
  [[nodiscard]] Lease take() const;

 private:
  Compression compression_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Bench>> free_;
};

}  // namespace airlock::squashfs
