// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/file_cache.h"

namespace airlock::udf {

std::shared_ptr<const File> FileCache::find(NodeId node) const {
  const std::scoped_lock lock(mutex_);
  const Slot& slot = slots_[node % kSlots];
  return slot.node == node ? slot.file : nullptr;
}

void FileCache::keep(NodeId node, std::shared_ptr<const File> file) {
  const std::size_t pieces = file->data.pieces();
  const std::scoped_lock lock(mutex_);
  if (pieces_ + pieces > kMostPieces) {
    slots_ = {};
    pieces_ = 0;
  }
  Slot& slot = slots_[node % kSlots];
  if (slot.file) pieces_ -= slot.file->data.pieces();
  slot = {.node = node, .file = std::move(file)};
  pieces_ += pieces;
}

}  // namespace airlock::udf
