// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/file_sections.h"

#include <cerrno>

namespace airlock::iso {
namespace {

struct PlacedRecord {
  std::uint64_t position = 0;
  DirectoryRecord record;
};

// It may be the first one of the next sector.
Outcome<PlacedRecord> record_behind(const MediumReader& medium, std::uint32_t block_size,
                                    RecordArea area, std::uint64_t position) {
  for (const std::uint64_t at : {position, next_sector(position - 1)}) {
    TRY(const auto record, record_in(medium, block_size, area, at));
    if (record) return PlacedRecord{.position = at, .record = *record};
  }
  return refuse(EIO);
}

}  // namespace

Outcome<FileSections> FileSections::find(const MediumReader& medium, std::uint32_t block_size,
                                         std::uint64_t offset, const DirectoryRecord& first) {
  // The directory itself is not known here. Its records begin with a sector.
  const std::uint64_t begin = offset - offset % kSector;
  const RecordArea area = {.begin = begin, .size = medium.size() - std::min(begin, medium.size())};
  FileSections found;
  found.add(first);
  PlacedRecord last = {.position = offset - begin, .record = first};
  while (last.record.continues()) {
    if (found.sections_.size() == kMost) return refuse(EIO);
    TRY(last, record_behind(medium, block_size, area, last.position + last.record.length()));
    if (last.record.name() != first.name() || last.record.is_directory()) return refuse(EIO);
    found.add(last.record);
  }
  return found;
}

std::uint64_t FileSections::size() const {
  std::uint64_t sum = 0;
  for (const Section& section : sections_) sum += section.size;
  return sum;
}

Outcome<void> FileSections::read(const MediumReader& medium, std::uint64_t offset,
                                 std::span<std::byte> into) const {
  for (const Section& section : sections_) {
    if (into.empty()) break;
    if (offset >= section.size) {
      offset -= section.size;
      continue;
    }
    if (section.is_interleaved) return refuse(EOPNOTSUPP);
    const auto part = into.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), section.size - offset)));
    TRY_VOID(medium.read(section.start + offset, part));
    into = into.subspan(part.size());
    offset = 0;
  }
  return into.empty() ? Outcome<void>{} : refuse(EIO);
}

Outcome<std::uint64_t> behind_sections(const MediumReader& medium, std::uint32_t block_size,
                                       RecordArea area, std::uint64_t position,
                                       const DirectoryRecord& first) {
  position += first.length();
  if (!first.continues()) return position;
  for (std::size_t steps = 0; steps < FileSections::kMost; ++steps) {
    const auto next = record_behind(medium, block_size, area, position);
    // Broken sections are an error of that file. What follows is another one.
    if (!next || next->record.name() != first.name()) break;
    position = next->position + next->record.length();
    if (!next->record.continues()) break;
  }
  return position;
}

}  // namespace airlock::iso
