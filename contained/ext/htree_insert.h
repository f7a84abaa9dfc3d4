// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "contained/ext/directory_access.h"
#include "contained/ext/htree.h"

// Adding names to an indexed directory: into the leaf where the hash belongs, splitting leaves and
// index nodes and raising the root when they are full. New blocks are taken before anything is
// changed, so running out of space leaves a valid index behind.
namespace airlock::ext {

class HashInserter {
 public:
  explicit HashInserter(DirectoryAccess& access) : access_(access), index_(access) {}

  // ENOSPC also when the index cannot grow any more.
  Outcome<void> insert(std::string_view name, Entry entry);
  // Turns a directory of one full block into an indexed one.
  Outcome<void> make_index();

 private:
  enum class Attempt { kInserted, kTryAgain };
  Outcome<Attempt> attempt(std::string_view name, Entry entry);
  Outcome<void> repack(std::span<std::byte> records);
  Outcome<void> split_leaf(const IndexRoot& root, IndexPath& path);
  Outcome<void> grow(const IndexRoot& root, IndexPath& path);
  Outcome<void> split_node(IndexPath& path, std::size_t level);
  Outcome<void> add_level(IndexPath& path);
  Outcome<IndexNode> append_node();
  Outcome<std::uint32_t> append_leaf();
  Outcome<void> write_root(const Record& dot, const Record& dot_dot);

  DirectoryAccess& access_;
  HashIndex index_;
};

}  // namespace airlock::ext
