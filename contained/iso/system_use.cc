// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/system_use.h"

#include <cerrno>
#include <utility>

#include "lib/base/byte_view.h"

namespace airlock::iso {
namespace {

constexpr std::size_t kEntryHeader = 4;  // signature, length, version

std::string_view signature_of(std::span<const std::byte> area) {
  return {reinterpret_cast<const char*>(area.data()), 2};
}

// Zeroes fill an area up, and anything may be behind an entry that says it is the last.
bool has_entry(std::span<const std::byte> area) {
  return area.size() >= kEntryHeader && std::to_integer<std::size_t>(area[2]) >= kEntryHeader &&
         signature_of(area) != "ST";
}

}  // namespace

Outcome<std::optional<SystemUse::Entry>> SystemUse::next() {
  for (;;) {
    if (!has_entry(area_)) {
      const auto behind = std::exchange(behind_, std::nullopt);
      if (!behind) return std::nullopt;
      TRY_VOID(continue_with(*behind));
      continue;
    }
    const auto length = std::to_integer<std::size_t>(area_[2]);
    if (length > area_.size()) return refuse(EIO);
    const Entry entry = {.signature = signature_of(area_),
                         .data = area_.subspan(kEntryHeader, length - kEntryHeader)};
    area_ = area_.subspan(length);
    if (entry.signature != "CE") return entry;
    const auto block = load_le<std::uint32_t>(entry.data, 0);
    const auto offset = load_le<std::uint32_t>(entry.data, 8);
    const auto size = load_le<std::uint32_t>(entry.data, 16);
    if (!block || !offset || !size) return refuse(EIO);
    behind_ = Continuation{.offset = std::uint64_t{*block} * block_size_ + *offset, .size = *size};
  }
}

Outcome<void> SystemUse::continue_with(Continuation continuation) {
  if (++areas_ > kMostAreas || continuation.size > kMostBytes - total_) return refuse(EIO);
  total_ += continuation.size;
  bytes_.resize(continuation.size);
  TRY_VOID(medium_.read(continuation.offset, bytes_));
  area_ = bytes_;
  return {};
}

}  // namespace airlock::iso
