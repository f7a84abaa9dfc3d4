// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/write_order.h"

#include <algorithm>

namespace airlock::fat {

bool WriteOrder::leads_to(std::uint64_t from, std::uint64_t to) const {
  std::vector<std::uint64_t> open = {from};
  Blocks seen = {from};
  while (!open.empty()) {
    const std::uint64_t block = open.back();
    open.pop_back();
    if (block == to) return true;
    const auto found = followers_.find(block);
    if (found == followers_.end()) continue;
    for (const std::uint64_t next : found->second) {
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return false;
}

// The first of those a block is joined with.
std::uint64_t WriteOrder::leader(std::uint64_t block) const {
  while (true) {
    const auto found = leader_.find(block);
    if (found == leader_.end()) return block;
    block = found->second;
  }
}

bool WriteOrder::join(std::uint64_t block) {
  if (is_joined(block)) return true;
  const std::uint64_t first = leader(block);
  const std::uint64_t second = block + 1;
  if (leads_to(first, second) || leads_to(second, first)) return false;
  for (auto& [before, afters] : followers_) {
    if (afters.erase(second) > 0) afters.insert(first);
  }
  if (const auto moved = followers_.extract(second); !moved.empty())
    followers_[first].insert(moved.mapped().begin(), moved.mapped().end());
  leader_[second] = block;
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

std::vector<std::vector<std::uint64_t>> WriteOrder::groups(
    std::span<const std::uint64_t> blocks) const {
  // How many blocks a block still waits for; a required order has no circles.
  std::unordered_map<std::uint64_t, std::size_t> waits;
  for (const auto& [before, afters] : followers_) {
    for (const std::uint64_t after : afters) ++waits[after];
  }
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> wanted;  // by their leaders
  Blocks left;
  for (const std::uint64_t block : blocks) {
    left.insert(leader(block));
    wanted[leader(block)].push_back(block);
  }
  for (const auto& [before, afters] : followers_) left.insert(before);
  for (const auto& [after, count] : waits) left.insert(after);
  std::vector<std::uint64_t> ready;
  for (const std::uint64_t block : left) {
    if (!waits.contains(block)) ready.push_back(block);
  }
  std::vector<std::vector<std::uint64_t>> groups;
  while (!ready.empty()) {
    std::vector<std::uint64_t> group;
    std::vector<std::uint64_t> next;
    for (const std::uint64_t block : ready) {
      if (const auto members = wanted.find(block); members != wanted.end())
        group.insert(group.end(), members->second.begin(), members->second.end());
      const auto found = followers_.find(block);
      if (found == followers_.end()) continue;
      for (const std::uint64_t after : found->second) {
        if (--waits[after] == 0) next.push_back(after);
      }
    }
    std::ranges::sort(group);
    if (!group.empty()) groups.push_back(std::move(group));
    ready = std::move(next);
  }
  return groups;
}

}  // namespace airlock::fat
