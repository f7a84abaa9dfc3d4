// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "contained/fat/nodes.h"
#include "contained/runtime/file_system.h"

namespace airlock::fat {

// Requests everything from a mounted volume, whatever the answers; for tests with damaged media and
// for the fuzzer.
class BusyHands final : public EntrySink {
 public:
  explicit BusyHands(FileSystem& driver) : driver_(driver) {}

  void work() {
    visit(Nodes::kRoot, 0);
    (void)driver_.statistics();
    (void)driver_.trim(0, ~std::uint64_t{0}, 0);
    (void)driver_.sync_all();
  }

  bool add(std::string_view name, const Attributes& attributes, std::uint64_t) override {
    if (name != "." && name != ".." && found_.size() < kMostFound)
      found_.push_back({std::string(name), attributes.node, S_ISDIR(attributes.stat.st_mode)});
    return found_.size() < kMostFound;
  }

 private:
  static constexpr std::size_t kMostFound = 40;
  static constexpr int kDeepest = 3;
  static constexpr std::uint64_t kFewBytes = 20000;
  struct Found {
    std::string name;
    NodeId node;
    bool is_directory;
  };

  void visit(NodeId directory, int depth) {
    found_.clear();
    (void)driver_.list(directory, 0, DirectoryDetail::kAttributes, *this);
    const std::vector<Found> here = std::move(found_);
    for (const Found& item : here) {
      (void)driver_.lookup(directory, item.name);
      if (!item.is_directory) {
        use_file(item.node);
      } else if (depth < kDeepest) {
        visit(item.node, depth + 1);
      }
    }
    change(directory);
    if (!here.empty()) {
      (void)driver_.rename(directory, here.front().name, Nodes::kRoot, "moved to another name", 0);
      (void)driver_.unlink(directory, here.back().name);
      driver_.gone(here.back().node);
      (void)driver_.remove_directory(directory, here.back().name);
    }
  }

  void use_file(NodeId node) {
    std::vector<std::byte> bytes(kFewBytes);
    (void)driver_.read(node, 0, bytes);
    (void)driver_.write(node, 100, std::span(bytes).first(2000), {});
    (void)driver_.get_attribute(node, "system.dos_attrib");
    const auto attributes = driver_.attributes(node);
    if (!attributes) return;
    const auto size = static_cast<std::uint64_t>(attributes->stat.st_size);
    (void)driver_.write(node, size, std::span(bytes).first(3000), {});
    (void)driver_.change(node, {.size = size / 2});
    (void)driver_.write(node, size / 2, std::span(bytes).first(600), {});
  }

  void change(NodeId directory) {
    (void)driver_.make_node(directory, "a file that was not there before",
                            {.mode = S_IFREG | 0644});
    (void)driver_.make_node(directory, "NEWDIR", {.mode = S_IFDIR | 0755});
    (void)driver_.sync_all();
  }

  FileSystem& driver_;
  std::vector<Found> found_;
};

}  // namespace airlock::fat
