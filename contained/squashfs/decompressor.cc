// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/decompressor.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zstd.h>

#include <cerrno>
#include <utility>

namespace airlock::squashfs {
namespace {

// The memory that a stream of xz may ask for. mksquashfs makes dictionaries of a block at most,
// which is 1 MiB.
constexpr std::uint64_t kMostXzMemory = std::uint64_t{4} << 20;

const std::uint8_t* octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}
std::uint8_t* octets(std::span<std::byte> bytes) {
  return reinterpret_cast<std::uint8_t*>(bytes.data());
}

class Gzip final : public Decompressor {
 public:
  Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) override {
    if (library_ == nullptr) return refuse(ENOMEM);
    std::size_t made = 0;
    if (::libdeflate_zlib_decompress(library_.get(), from.data(), from.size(), into.data(),
                                     into.size(), &made) != LIBDEFLATE_SUCCESS)
      return refuse(EIO);
    return made;
  }

 private:
  struct Free {
    void operator()(libdeflate_decompressor* library) const {
      ::libdeflate_free_decompressor(library);
    }
  };
  std::unique_ptr<libdeflate_decompressor, Free> library_{::libdeflate_alloc_decompressor()};
};

class Lzo final : public Decompressor {
 public:
  Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) override {
    lzo_uint made = into.size();
    if (::lzo1x_decompress_safe(octets(from), from.size(), octets(into), &made, nullptr) !=
        LZO_E_OK)
      return refuse(EIO);
    return made;
  }
};

class Xz final : public Decompressor {
 public:
  Xz() = default;
  Xz(const Xz&) = delete;
  Xz& operator=(const Xz&) = delete;
  ~Xz() override { ::lzma_end(&stream_); }

  Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) override {
    // Keeps the memory of the stream before.
    if (::lzma_stream_decoder(&stream_, kMostXzMemory, 0) != LZMA_OK) return refuse(ENOMEM);
    stream_.next_in = octets(from);
    stream_.avail_in = from.size();
    stream_.next_out = octets(into);
    stream_.avail_out = into.size();
    if (::lzma_code(&stream_, LZMA_FINISH) != LZMA_STREAM_END) return refuse(EIO);
    return into.size() - stream_.avail_out;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
};

class Lz4 final : public Decompressor {
 public:
  Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) override {
    const int made = ::LZ4_decompress_safe(
        reinterpret_cast<const char*>(from.data()), reinterpret_cast<char*>(into.data()),
        static_cast<int>(from.size()), static_cast<int>(into.size()));
    if (made < 0) return refuse(EIO);
    return static_cast<std::size_t>(made);
  }
};

class Zstd final : public Decompressor {
 public:
  Outcome<std::size_t> run(std::span<const std::byte> from, std::span<std::byte> into) override {
    if (library_ == nullptr) return refuse(ENOMEM);
    const std::size_t made =
        ::ZSTD_decompressDCtx(library_.get(), into.data(), into.size(), from.data(), from.size());
    if (::ZSTD_isError(made) != 0) return refuse(EIO);
    return made;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* library) const { (void)::ZSTD_freeDCtx(library); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> library_{::ZSTD_createDCtx()};
};

}  // namespace

std::unique_ptr<Decompressor> Decompressor::create(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<Gzip>();
    case Compression::kLzo:
      return std::make_unique<Lzo>();
    case Compression::kXz:
      return std::make_unique<Xz>();
    case Compression::kLz4:
      return std::make_unique<Lz4>();
    case Compression::kZstd:
      return std::make_unique<Zstd>();
  }
  std::unreachable();
}

std::span<std::byte> Bench::room(std::size_t bytes) {
  if (stored.size() < bytes) stored.resize(bytes);
  return std::span(stored).first(bytes);
}

Benches::Lease::~Lease() {
  const std::scoped_lock lock(owner_.mutex_);
  owner_.free_.push_back(std::move(bench_));
}

Benches::Lease Benches::take() const {
  {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      auto bench = std::move(free_.back());
      free_.pop_back();
      return {*this, std::move(bench)};
    }
  }
  return {*this, std::make_unique<Bench>(Decompressor::create(compression_))};
}

}  // namespace airlock::squashfs
