// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/udf/file_entry.h"

namespace airlock::udf {

// Where the data of a file lies: inside its entry, or in extents of partitions.
class FileData {
 public:
  // Pieces that follow each other on the medium count as one.
  static constexpr std::size_t kMostPieces = std::size_t{1} << 17;

  // EIO if the descriptors of its extents cannot be read, have no end, or are too many.
  static Outcome<FileData> load(const BlockReader& reader, const FileEntry& entry);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // How much of it was never written.
  [[nodiscard]] std::uint64_t holes() const { return holes_; }
  [[nodiscard]] std::size_t pieces() const { return pieces_.size(); }
  // EIO for bytes behind the size, or for which no extent says where they are.
  Outcome<void> read(const BlockReader& reader, std::uint64_t offset,
                     std::span<std::byte> into) const;

 private:
  friend class FileDataLoader;
  enum class Kind : std::uint8_t { kRecorded, kHole };
  struct Piece {
    std::uint64_t begin;  // in the file
    std::uint64_t length;
    Place place;
    Kind kind;
  };
  [[nodiscard]] std::uint64_t end() const {
    return pieces_.empty() ? 0 : pieces_.back().begin + pieces_.back().length;
  }

  std::uint64_t size_ = 0;
  std::uint64_t holes_ = 0;
  bool is_inside_ = false;
  std::vector<std::byte> inside_;
  std::vector<Piece> pieces_;
};

}  // namespace airlock::udf
