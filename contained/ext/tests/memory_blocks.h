// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "contained/ext/directory.h"

namespace airlock::ext {

// The blocks of a directory in memory, for tests: may be made unverified, forged, and run out.
class MemoryBlocks final : public DirectoryBlocks {
 public:
  explicit MemoryBlocks(std::uint32_t block_size) : block_size_(block_size) {}

  std::uint32_t count() const override { return mapped() + hole; }
  Outcome<DirectoryBlock> block(std::uint32_t index) override {
    ++reads;
    if (index >= mapped()) return refuse(EUCLEAN);
    return DirectoryBlock{.bytes = blocks_[index].bytes, .verified = blocks_[index].verified};
  }
  void mark_verified(std::uint32_t index) override { blocks_[index].verified = true; }
  Outcome<void> changed(std::uint32_t) override { return {}; }
  Outcome<std::uint32_t> append() override {
    if (count() >= most_blocks) return refuse(ENOSPC);
    blocks_.push_back({.bytes = std::vector<std::byte>(block_size_), .verified = true});
    return count() - 1;
  }
  Outcome<std::uint32_t> next_mapped(std::uint32_t index) override {
    ++reads;
    return index < mapped() ? index : count();
  }
  // After a pause everything lies elsewhere.
  Outcome<void> done_with(std::uint32_t) override {
    if (!turn_is_over()) return {};
    ++pauses;
    turn_began_ = reads;
    for (auto& block : blocks_) block.bytes = std::vector<std::byte>(block.bytes);
    return pauses > most_pauses ? refuse(EINTR) : Outcome<void>{};
  }
  [[nodiscard]] bool turn_is_over() const override { return reads - turn_began_ >= turn; }
  bool indexed() const override { return indexed_; }
  Outcome<void> set_indexed(bool indexed) override {
    indexed_ = indexed;
    return {};
  }
  [[nodiscard]] bool folded() const override { return is_folded; }
  void corrupted(std::uint32_t, std::string_view what) override { complaint = what; }

  // As if everything was just loaded.
  void drop_verified() {
    for (auto& block : blocks_) block.verified = false;
  }
  std::vector<std::byte>& bytes(std::uint32_t index) { return blocks_[index].bytes; }

  std::uint32_t most_blocks = 1U << 20;
  bool is_folded = false;
  std::uint32_t hole = 0;                         // so many blocks at the end are one
  std::uint64_t turn = ~std::uint64_t{0};         // so many blocks are read between two pauses
  std::uint64_t most_pauses = ~std::uint64_t{0};  // and then nobody waits any more
  std::uint64_t pauses = 0;
  std::uint64_t reads = 0;
  std::string complaint;

 private:
  [[nodiscard]] std::uint32_t mapped() const { return static_cast<std::uint32_t>(blocks_.size()); }

  struct Block {
    std::vector<std::byte> bytes;
    bool verified;
  };
  std::uint32_t block_size_;
  std::deque<Block> blocks_;
  std::uint64_t turn_began_ = 0;
  bool indexed_ = false;
};

}  // namespace airlock::ext
