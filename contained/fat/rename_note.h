// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "contained/fat/file_info.h"

namespace airlock::fat {

// What a renaming is about, kept in a free record beside the new name and written together with it.
// If power goes before the old name is away, the file has two names; the note says which one has to
// go. Nobody else looks into free records. It is of no use any more once the old name is away, and
// does no harm: both names have to be there and to be those of the file it tells of.
struct RenameNote {
  std::uint64_t old_position = 0;  // of the record that is the old name, in bytes
  std::uint64_t new_position = 0;
  std::uint32_t old_print = 0;  // what both records have that does not change while a file lives
  std::uint32_t new_print = 0;
  friend bool operator==(const RenameNote&, const RenameNote&) = default;
};

// `free_mark` is the first byte of a record that is free.
void write_note(std::span<std::byte> record, std::uint8_t free_mark, const RenameNote& note);
std::optional<RenameNote> read_note(std::span<const std::byte> record, std::uint8_t free_mark);

// Of the name a record has and the time it was made.
[[nodiscard]] std::uint32_t print_of(std::span<const std::byte> name,
                                     std::span<const std::byte> made);

}  // namespace airlock::fat
