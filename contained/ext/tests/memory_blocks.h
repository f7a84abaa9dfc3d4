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

  std::uint32_t count() const override { return static_cast<std::uint32_t>(blocks_.size()); }
  Outcome<DirectoryBlock> block(std::uint32_t index) override {
    ++reads;
    return DirectoryBlock{.bytes = blocks_[index].bytes, .verified = blocks_[index].verified};
  }
  void mark_verified(std::uint32_t index) override { blocks_[index].verified = true; }
  Outcome<void> changed(std::uint32_t) override { return {}; }
  Outcome<std::uint32_t> append() override {
    if (count() >= most_blocks) return refuse(ENOSPC);
    blocks_.push_back({.bytes = std::vector<std::byte>(block_size_), .verified = true});
    return count() - 1;
  }
  bool indexed() const override { return indexed_; }
  Outcome<void> set_indexed(bool indexed) override {
    indexed_ = indexed;
    return {};
  }
  void corrupted(std::uint32_t, std::string_view what) override { complaint = what; }

  // As if everything was just loaded.
  void drop_verified() {
    for (auto& block : blocks_) block.verified = false;
  }
  std::vector<std::byte>& bytes(std::uint32_t index) { return blocks_[index].bytes; }

  std::uint32_t most_blocks = 1U << 20;
  std::uint64_t reads = 0;
  std::string complaint;

 private:
  struct Block {
    std::vector<std::byte> bytes;
    bool verified;
  };
  std::uint32_t block_size_;
  std::deque<Block> blocks_;
  bool indexed_ = false;
};

}  // namespace airlock::ext
