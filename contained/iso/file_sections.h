// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "contained/iso/directory_record.h"

namespace airlock::iso {

// Where the data of a file lies: in one piece, or in several whose records follow each other. A
// record can hold less than 4 GiB.
class FileSections {
 public:
  static constexpr std::size_t kMost = 1024;

  // Of the file whose first record is at this offset. EIO if the records of several sections are
  // not all there, not of the same name, or too many.
  static Outcome<FileSections> find(const MediumReader& medium, std::uint32_t block_size,
                                    std::uint64_t offset, const DirectoryRecord& first);

  [[nodiscard]] std::uint64_t size() const;
  // EOPNOTSUPP where data of other files is mixed in.
  Outcome<void> read(const MediumReader& medium, std::uint64_t offset,
                     std::span<std::byte> into) const;

 private:
  struct Section {
    std::uint64_t start;
    std::uint32_t size;
    bool is_interleaved;
  };
  void add(const DirectoryRecord& record) {
    sections_.push_back({record.start(), record.size(), record.is_interleaved()});
  }
  std::vector<Section> sections_;
};

// The position behind the record at this position, and behind those that continue it.
Outcome<std::uint64_t> behind_sections(const MediumReader& medium, std::uint32_t block_size,
                                       RecordArea area, std::uint64_t position,
                                       const DirectoryRecord& first);

}  // namespace airlock::iso
