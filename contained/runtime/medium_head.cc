// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/medium_head.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace airlock {
namespace {

Result<void> read_beginning(BlockIo& io, std::span<std::byte> into) {
  if (const auto done = io.read(0, into); !done)
    return fail_errno(done.error().value, Errc::kIo, "read the beginning of the medium");
  return {};
}

}  // namespace

Result<MediumHead> MediumHead::read(BlockIo& io) {
  std::vector<std::byte> bytes(std::min<std::uint64_t>(kBytes, io.size()));
  TRY_VOID(read_beginning(io, bytes));
  return MediumHead(std::move(bytes));
}

Result<void> MediumHead::require_same(BlockIo& io) const {
  std::vector<std::byte> now(bytes_.size());
  TRY_VOID(read_beginning(io, now));
  if (now == bytes_) return {};
  return fail(Errc::kBusy, "another program changed the medium while it was being mounted");
}

}  // namespace airlock
