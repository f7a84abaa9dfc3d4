// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "contained/ext/directory_access.h"
#include "contained/ext/htree_format.h"

// Finding the way through the index of a directory. Everything is checked on the way; the number
// of steps in one operation is bounded by the number of blocks, so a forged index that leads in
// circles ends as corruption.
namespace airlock::ext {

inline constexpr std::size_t kMostIndexLevels = 3;

struct IndexRoot {
  IndexNode node;
  std::uint8_t hash_version = 0;
  std::size_t levels = 0;  // of nodes, the root among them
};

// The way from the root to a leaf.
struct IndexPath {
  struct Step {
    IndexNode node;
    std::size_t chosen = 0;
  };
  std::array<Step, kMostIndexLevels> steps;
  std::size_t levels = 0;
  std::uint32_t leaf = 0;
  std::uint32_t start = 0;    // the first hash of the leaf, odd when it continues the one before
  std::uint32_t visited = 0;  // leaves since descend()

  Step& bottom() { return steps[levels - 1]; }
  // The first hash of the leaf after this one; none at the end.
  std::optional<std::uint32_t> next_start() const;
};

class HashIndex {
 public:
  explicit HashIndex(DirectoryAccess& access) : access_(access) {}

  // How many levels the format allows.
  std::size_t most_levels() const { return access_.format().large_directories ? 3 : 2; }
  Outcome<IndexRoot> root();
  Outcome<std::uint32_t> hash(const IndexRoot& root, std::string_view name);
  // To the first leaf that may hold names of this hash.
  Outcome<IndexPath> descend(const IndexRoot& root, std::uint32_t hash);
  // To the next leaf. Only where next_start() has a value.
  Outcome<void> advance(IndexPath& path);

 private:
  Outcome<IndexNode> node(std::uint32_t block, const IndexPath& path);
  Outcome<void> enter(IndexPath& path, std::size_t level);

  DirectoryAccess& access_;
};

}  // namespace airlock::ext
