// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/medium_reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "contained/runtime/reader_token.h"

namespace airlock {
namespace {

constexpr std::uint64_t kNoPage = std::numeric_limits<std::uint64_t>::max();

}  // namespace

MediumReader::MediumReader(BlockIo& medium)
    : medium_(medium), numbers_(kPages, kNoPage), bytes_(kPages * kPageBytes) {}

Outcome<void> MediumReader::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset > size() || into.size() > size() - offset) return refuse(EIO);
  if (into.size() >= kPageBytes) {
    ReaderToken::give();  // until the medium has answered
    return medium_.read(offset, into);
  }
  while (!into.empty()) {
    const auto at = static_cast<std::size_t>(offset % kPageBytes);
    const auto part = into.first(std::min(into.size(), kPageBytes - at));
    TRY_VOID(read_within(offset / kPageBytes, at, part));
    offset += part.size();
    into = into.subspan(part.size());
  }
  return {};
}

Outcome<std::vector<std::byte>> MediumReader::read_up_to(std::uint64_t offset,
                                                         std::size_t most) const {
  const std::uint64_t left = size() - std::min(offset, size());
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(most, left)));
  if (!bytes.empty()) TRY_VOID(read(offset, bytes));
  return bytes;
}

Outcome<void> MediumReader::read_within(std::uint64_t page, std::size_t at,
                                        std::span<std::byte> into) const {
  if (copy_kept(page, at, into)) return {};
  ReaderToken::give();
  const std::uint64_t begin = page * kPageBytes;
  std::array<std::byte, kPageBytes> bytes;
  const auto whole = std::span(bytes).first(
      static_cast<std::size_t>(std::min<std::uint64_t>(kPageBytes, size() - begin)));
  // A bad sector next to what is wanted costs the page, not the answer.
  if (!medium_.read(begin, whole)) return medium_.read(begin + at, into);
  std::ranges::copy(whole.subspan(at, into.size()), into.begin());
  keep(page, whole);
  return {};
}

bool MediumReader::copy_kept(std::uint64_t page, std::size_t at, std::span<std::byte> into) const {
  const auto slot = static_cast<std::size_t>(page % kPages);
  const std::scoped_lock lock(mutex_);
  if (numbers_[slot] != page) return false;
  std::ranges::copy(std::span(bytes_).subspan(slot * kPageBytes + at, into.size()), into.begin());
  return true;
}

void MediumReader::keep(std::uint64_t page, std::span<const std::byte> bytes) const {
  const auto slot = static_cast<std::size_t>(page % kPages);
  const std::scoped_lock lock(mutex_);
  numbers_[slot] = page;
  std::ranges::copy(bytes, std::span(bytes_).subspan(slot * kPageBytes).begin());
}

}  // namespace airlock
