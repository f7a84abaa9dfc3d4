// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "contained/fat/file_info.h"

namespace airlock::fat {

// A note about a renaming, kept in a free record beside the new name and written together with it.
// After a power cut the file may have two names; the note says which one to remove. Other systems
// ignore free records. Once the old name is gone the note is useless, but harmless: both names have
// to exist and to match the file in the note.
struct RenameNote {
  std::uint64_t old_position = 0;  // of the record that is the old name, in bytes
  std::uint64_t new_position = 0;
  std::uint32_t old_print = 0;  // of the parts of both records that are constant while a file lives
  std::uint32_t new_print = 0;
  friend bool operator==(const RenameNote&, const RenameNote&) = default;
};

// `free_mark` is the first byte of a free record.
void write_note(std::span<std::byte> record, std::uint8_t free_mark, const RenameNote& note);
std::optional<RenameNote> read_note(std::span<const std::byte> record, std::uint8_t free_mark);

// From the name in a record and its creation time.
[[nodiscard]] std::uint32_t print_of(std::span<const std::byte> name,
                                     std::span<const std::byte> made);

}  // namespace airlock::fat
