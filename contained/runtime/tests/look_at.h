// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contained/runtime/read_only_files.h"

namespace airlock {

// Looks at everything that can be reached, as deep and as far as a small medium goes. What is found
// does not matter; how much of it could be read is counted.
class Looker {
 public:
  explicit Looker(ReadOnlyFiles& files) : files_(files) {}

  void look_at(NodeId node, int depth = 0) {
    if (++looked_ > kMost) return;
    readable += files_.attributes(node).has_value() ? 1 : 0;
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{5000}})
      if (const auto got = files_.read(node, offset, bytes_)) bytes_read += *got;
    (void)files_.read(node, 0, std::span(bytes_).first(10));
    links += files_.read_link(node).has_value() ? 1 : 0;
    look_at_attributes(node);
    if (depth < kDeepest) look_inside(node, depth);
  }

  int readable = 0;
  int links = 0;
  int attributes = 0;
  std::uint64_t bytes_read = 0;

 private:
  static constexpr int kMost = 200;
  static constexpr int kDeepest = 4;
  static constexpr int kMostListed = 100;

  // Takes one entry at a time, so that every position is used.
  class OneEntry final : public EntrySink {
   public:
    bool add(std::string_view name, const Attributes& found, std::uint64_t next) override {
      if (taken) return false;
      // The kernel gives a mount up whose names it cannot use.
      if (name.empty() || name.size() > 255 || name.find('/') != std::string_view::npos)
        std::abort();
      taken = Taken{std::string(name), found.node, next};
      return true;
    }
    struct Taken {
      std::string name;
      NodeId node;
      std::uint64_t next;
    };
    std::optional<Taken> taken;
  };

  void look_at_attributes(NodeId node) {
    const auto names = files_.list_attributes(node);
    if (!names) return;
    for (std::size_t at = 0; at < names->size(); at = names->find('\0', at) + 1)
      attributes += files_.get_attribute(node, names->c_str() + at).has_value() ? 1 : 0;
  }

  void look_inside(NodeId node, int depth) {
    std::uint64_t cookie = 0;
    for (int i = 0; i < kMostListed; ++i) {
      OneEntry one;
      if (!files_.list(node, cookie, DirectoryDetail::kAttributes, one) || !one.taken) return;
      if (one.taken->next <= cookie) std::abort();
      cookie = one.taken->next;
      const std::string& name = one.taken->name;
      if (name == "." || name == "..") continue;
      if (const auto found = files_.lookup(node, name)) look_at(found->node, depth + 1);
    }
  }

  ReadOnlyFiles& files_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(std::size_t{1} << 16);
  int looked_ = 0;
};

}  // namespace airlock
