// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/write_order.h"

#include <algorithm>

namespace airlock::fat {

template <typename Use>
void WriteOrder::for_each_range_with(std::uint64_t sector, Use use) const {
  if (sector >= kFirstPoint) return;
  const std::uint64_t earliest = sector - std::min(sector, longest_range_);
  for (auto at = ranges_.lower_bound(earliest); at != ranges_.end() && at->first <= sector; ++at) {
    if (sector - at->first < at->second.count) use(leader(at->second.after));
  }
}

template <typename Is>
bool WriteOrder::leads_to_any(std::uint64_t from, Is is) const {
  std::vector<std::uint64_t> open = {from};
  Sectors seen = {from};
  const auto add = [&](std::uint64_t next) {
    if (seen.insert(next).second) open.push_back(next);
  };
  while (!open.empty()) {
    const std::uint64_t sector = open.back();
    open.pop_back();
    if (is(sector)) return true;
    for_each_range_with(sector, add);
    const auto found = followers_.find(sector);
    if (found == followers_.end()) continue;
    for (const std::uint64_t next : found->second) add(next);
  }
  return false;
}

bool WriteOrder::leads_to(std::uint64_t from, std::uint64_t to) const {
  return leads_to_any(from, [to](std::uint64_t sector) { return sector == to; });
}

// The first of the sectors that a sector is joined with.
std::uint64_t WriteOrder::leader(std::uint64_t sector) const {
  while (true) {
    const auto found = leader_.find(sector);
    if (found == leader_.end()) return sector;
    sector = found->second;
  }
}

bool WriteOrder::join(std::uint64_t sector) {
  if (is_joined(sector)) return true;
  const std::uint64_t first = leader(sector);
  const std::uint64_t second = sector + 1;
  if (leads_to(first, second) || leads_to(second, first)) return false;
  for (auto& [before, afters] : followers_) {
    if (afters.erase(second) > 0) afters.insert(first);
  }
  if (const auto moved = followers_.extract(second); !moved.empty())
    followers_[first].insert(moved.mapped().begin(), moved.mapped().end());
  leader_[second] = sector;
  return true;
}

bool WriteOrder::require(std::uint64_t before, std::uint64_t after) {
  before = leader(before);
  after = leader(after);
  if (before == after) return true;
  if (const auto found = followers_.find(before);
      found != followers_.end() && found->second.contains(after))
    return true;
  if (leads_to(after, before)) return false;
  followers_[before].insert(after);
  return true;
}

bool WriteOrder::require_all(std::uint64_t first, std::uint64_t count, std::uint64_t after) {
  after = leader(after);
  const auto is_inside = [=](std::uint64_t s) { return s >= first && s - first < count; };
  if (leads_to_any(after, is_inside)) return false;
  ranges_.emplace(first, Range{.count = count, .after = after});
  longest_range_ = std::max(longest_range_, count);
  return true;
}

// The longest path to each sector. A required order has no cycles.
class WriteOrder::Levels {
 public:
  explicit Levels(const WriteOrder& order) : order_(order) {
    for (const auto& [before, afters] : order.followers_)
      for (const std::uint64_t after : afters) link(before, after);
    // The target of a range waits for it, even if its sectors are otherwise unknown.
    for (const auto& [first, range] : order.ranges_) nodes_[order.leader(range.after)].level = 1;
    std::vector<std::uint64_t> known;
    for (const auto& [sector, node] : nodes_) known.push_back(sector);
    for (const std::uint64_t sector : known)
      order.for_each_range_with(sector, [&](std::uint64_t after) { link(sector, after); });
  }

  Steps walk() {
    std::vector<std::uint64_t> ready;
    for (const auto& [sector, node] : nodes_)
      if (node.waits_for == 0) ready.push_back(sector);
    while (!ready.empty()) {
      const std::uint64_t sector = ready.back();
      ready.pop_back();
      const Node& node = nodes_.at(sector);
      const std::size_t beyond = node.level + (sector < kFirstPoint ? 1 : 0);
      for (const std::uint64_t after : node.afters) {
        Node& next = nodes_.at(after);
        next.level = std::max(next.level, beyond);
        if (--next.waits_for == 0) ready.push_back(after);
      }
    }
    return steps();
  }

 private:
  struct Node {
    std::vector<std::uint64_t> afters;
    std::size_t waits_for = 0;
    std::size_t level = 0;
  };

  void link(std::uint64_t before, std::uint64_t after) {
    nodes_[before].afters.push_back(after);
    ++nodes_[after].waits_for;
  }

  // Includes the sectors joined with the one before them.
  [[nodiscard]] Steps steps() const {
    Steps steps;
    for (const auto& [sector, node] : nodes_)
      if (sector < kFirstPoint && node.level > 0) steps.emplace(sector, node.level);
    for (const auto& [sector, before] : order_.leader_)
      if (const auto found = steps.find(order_.leader(before)); found != steps.end())
        steps.emplace(sector, found->second);
    return steps;
  }

  const WriteOrder& order_;
  std::unordered_map<std::uint64_t, Node> nodes_;
};

WriteOrder::Steps WriteOrder::steps() const {
  return Levels(*this).walk();
}

}  // namespace airlock::fat
