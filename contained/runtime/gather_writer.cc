// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/gather_writer.h"

namespace airlock {
namespace {

constexpr std::size_t kMaxParts = 256;

}  // namespace

Outcome<void> GatherWriter::add(std::uint64_t block, std::span<const std::byte> data) {
  if (!parts_.empty() && (block != next_ || parts_.size() == kMaxParts)) TRY_VOID(finish());
  if (parts_.empty()) start_ = block;
  // Only read from; iovec has no const form.
  parts_.push_back({.iov_base = const_cast<std::byte*>(data.data()), .iov_len = data.size()});
  next_ = block + data.size() / block_size_;
  return {};
}

Outcome<void> GatherWriter::finish() {
  if (parts_.empty()) return {};
  auto done = io_.write_gather(origin_ + start_ * block_size_, parts_);
  parts_.clear();
  return done;
}

}  // namespace airlock
