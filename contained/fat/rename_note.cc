// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/rename_note.h"

#include <algorithm>
#include <array>

#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

// "moved", behind the mark.
constexpr std::array kMagic = {std::byte{0x6d}, std::byte{0x6f}, std::byte{0x76}, std::byte{0x65},
                               std::byte{0x64}};
constexpr std::size_t kMagicAt = 1;
constexpr std::size_t kOldAt = 6;
constexpr std::size_t kNewAt = 14;
constexpr std::size_t kOldPrintAt = 22;
constexpr std::size_t kNewPrintAt = 26;

}  // namespace

void write_note(std::span<std::byte> record, std::uint8_t free_mark, const RenameNote& note) {
  std::ranges::fill(record, std::byte{0});
  record.front() = std::byte{free_mark};
  std::ranges::copy(kMagic, record.begin() + kMagicAt);
  // A record has room for all fields.
  (void)store_le<std::uint64_t>(record, kOldAt, note.old_position);
  (void)store_le<std::uint64_t>(record, kNewAt, note.new_position);
  (void)store_le<std::uint32_t>(record, kOldPrintAt, note.old_print);
  (void)store_le<std::uint32_t>(record, kNewPrintAt, note.new_print);
}

std::optional<RenameNote> read_note(std::span<const std::byte> record, std::uint8_t free_mark) {
  if (record.front() != std::byte{free_mark} ||
      !std::ranges::equal(record.subspan(kMagicAt, kMagic.size()), kMagic))
    return std::nullopt;
  return RenameNote{.old_position = load_le<std::uint64_t>(record, kOldAt).value_or(0),
                    .new_position = load_le<std::uint64_t>(record, kNewAt).value_or(0),
                    .old_print = load_le<std::uint32_t>(record, kOldPrintAt).value_or(0),
                    .new_print = load_le<std::uint32_t>(record, kNewPrintAt).value_or(0)};
}

std::uint32_t print_of(std::span<const std::byte> name, std::span<const std::byte> made) {
  std::uint32_t sum = 2166136261u;
  for (const auto& part : {name, made})
    for (const std::byte byte : part)
      sum = (sum ^ std::to_integer<std::uint32_t>(byte)) * 16777619u;
  return sum;
}

}  // namespace airlock::fat
