// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/tests/scratch_medium.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace airlock {
namespace {

// Compared and remembered at once: mostly zeros, or mostly the same, is an image of many pieces.
constexpr std::size_t kPiece = 4096;

bool is_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes.front() == std::byte{} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

template <typename Use>
void for_each_piece(std::uint64_t offset, std::uint64_t length, Use use) {
  for (std::uint64_t done = 0; done < length; done += kPiece)
    use(offset + done, std::min<std::uint64_t>(kPiece, length - done));
}

}  // namespace

MemoryFile::MemoryFile()
    : descriptor_(::memfd_create("airlock-test", MFD_CLOEXEC)),
      path_(fmt::format("/proc/{}/fd/{}", ::getpid(), descriptor_.get())) {
  if (!descriptor_.valid()) throw std::runtime_error("no file in memory");
}

ScratchMedium::ScratchMedium(std::span<const std::byte> content) {
  const int file = file_.descriptor().get();
  if (::ftruncate(file, static_cast<off_t>(content.size())) != 0)
    throw std::runtime_error("no room in memory");
  void* const mapped = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) throw std::runtime_error("a file in memory cannot be mapped");
  bytes_ = {static_cast<std::byte*>(mapped), content.size()};
  for_each_piece(0, content.size(), [&](std::uint64_t at, std::uint64_t length) {
    const auto piece = content.subspan(at, length);
    if (!is_zero(piece)) put(at, piece);
  });
}

ScratchMedium::~ScratchMedium() {
  (void)::munmap(bytes_.data(), bytes_.size());
}

void ScratchMedium::take_back(std::size_t to_moment) {
  const std::scoped_lock lock(mutex_);
  for (; undo_.size() > to_moment; undo_.pop_back()) {
    const Undo& undo = undo_.back();
    if (undo.old.empty()) {
      std::memset(bytes_.data() + undo.offset, 0, undo.length);
    } else {
      put(undo.offset, undo.old);
    }
  }
}

void ScratchMedium::assign(std::span<const std::byte> content) {
  const std::scoped_lock lock(mutex_);
  if (content.size() != bytes_.size()) throw std::runtime_error("another size");
  undo_.clear();
  for_each_piece(0, content.size(), [&](std::uint64_t at, std::uint64_t length) {
    if (std::memcmp(bytes_.data() + at, content.data() + at, length) != 0)
      put(at, content.subspan(at, length));
  });
}

Outcome<void> ScratchMedium::read(std::uint64_t offset, std::span<std::byte> into) {
  iovec part = {.iov_base = into.data(), .iov_len = into.size()};
  return read_scatter(offset, std::span(&part, 1));
}

Outcome<void> ScratchMedium::write(std::uint64_t offset, std::span<const std::byte> from) {
  iovec part = {.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
  return write_gather(offset, std::span(&part, 1));
}

Outcome<void> ScratchMedium::read_scatter(std::uint64_t offset, std::span<iovec> parts) {
  const std::scoped_lock lock(mutex_);
  for (const iovec& part : parts) {
    if (!has(offset, part.iov_len)) return refuse(EIO);
    if (part.iov_len > 0) std::memcpy(part.iov_base, bytes_.data() + offset, part.iov_len);
    offset += part.iov_len;
  }
  return {};
}

Outcome<void> ScratchMedium::write_gather(std::uint64_t offset, std::span<iovec> parts) {
  const std::scoped_lock lock(mutex_);
  std::uint64_t length = 0;
  for (const iovec& part : parts) length += part.iov_len;
  if (!has(offset, length)) return refuse(EIO);
  remember(offset, length);
  for (const iovec& part : parts) {
    put(offset, {static_cast<const std::byte*>(part.iov_base), part.iov_len});
    offset += part.iov_len;
  }
  return {};
}

Outcome<void> ScratchMedium::discard(std::uint64_t offset, std::uint64_t length) {
  constexpr int kNonsense = 0xdd;
  const std::scoped_lock lock(mutex_);
  if (!has(offset, length)) return refuse(EINVAL);
  remember(offset, length);
  std::memset(bytes_.data() + offset, kNonsense, length);
  return {};
}

bool ScratchMedium::has(std::uint64_t offset, std::uint64_t length) const {
  return offset <= bytes_.size() && length <= bytes_.size() - offset;
}

void ScratchMedium::remember(std::uint64_t offset, std::uint64_t length) {
  for_each_piece(offset, length, [&](std::uint64_t at, std::uint64_t size) {
    const auto old = std::span(bytes_).subspan(at, size);
    // Zeros one after the other are one piece.
    if (!is_zero(old)) {
      undo_.push_back({.offset = at, .length = size, .old = {old.begin(), old.end()}});
    } else if (!undo_.empty() && at > offset && undo_.back().old.empty()) {
      undo_.back().length += size;
    } else {
      undo_.push_back({.offset = at, .length = size, .old = {}});
    }
  });
}

void ScratchMedium::put(std::uint64_t offset, std::span<const std::byte> from) {
  if (!from.empty()) std::memcpy(bytes_.data() + offset, from.data(), from.size());
}

}  // namespace airlock
