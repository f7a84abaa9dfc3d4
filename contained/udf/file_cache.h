// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "contained/runtime/file_system.h"
#include "contained/udf/file_data.h"

namespace airlock::udf {

struct File {
  FileEntry entry;  // without what it says of the data
  FileData data;
};

// Files that were used last, because the extents of a large one may take many blocks, and a
// program reads it piece by piece. The lock is its own, and nothing is read under it.
class FileCache {
 public:
  static constexpr std::size_t kSlots = 64;
  static constexpr std::size_t kMostPieces = FileData::kMostPieces;  // of all files: 4 MiB

  [[nodiscard]] std::shared_ptr<const File> find(NodeId node) const;
  void keep(NodeId node, std::shared_ptr<const File> file);

 private:
  struct Slot {
    NodeId node = 0;
    std::shared_ptr<const File> file;
  };
  mutable std::mutex mutex_;
  std::array<Slot, kSlots> slots_;
  std::size_t pieces_ = 0;
};

}  // namespace airlock::udf
