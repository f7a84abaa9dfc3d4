// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "contained/fat/file_driver.h"

// The new name of a renamed file reaches the medium before the old one goes. For that, a reader of
// the medium has to find the new name: its directory, and the ancestors of that, may be new
// themselves. And a directory goes only once every file moved out of it is found elsewhere.
namespace airlock::fat {

bool FileDriver::is_current(const std::optional<OrderPoint>& point) const {
  return point && point->batch == volume_.batch();
}

const Origin* FileDriver::known_origin(const Node& node) const {
  return node.origin && node.origin->batch == volume_.batch() ? &*node.origin : nullptr;
}

const Origin* FileDriver::remember_origin(Node& node, Origin origin) {
  node.ordered_in = origin.batch = volume_.batch();
  node.origin = std::move(origin);
  return &*node.origin;
}

std::uint64_t FileDriver::left_point(Node& directory) {
  if (!is_current(directory.left))
    directory.left = {.batch = volume_.batch(), .point = volume_.new_point()};
  directory.ordered_in = volume_.batch();
  return directory.left->point;
}

// Orders the records of the name, and their directory, to be found before `after` is on the medium.
Outcome<void> FileDriver::order_found(const Name& name, std::uint64_t after) {
  TRY_VOID(name.records.order_seen(name.first, name.count, after));
  if (!is_current(name.directory.made)) return {};
  return volume_.require_order(name.directory.made->point, after);
}

// A new file or directory is found by this name. Nothing is ordered before its point yet, so the
// order cannot contradict another.
Outcome<void> FileDriver::order_made(Node& node, const Name& name) {
  const OrderPoint point = {.batch = volume_.batch(), .point = volume_.new_point()};
  TRY_VOID(order_found(name, point.point));
  node.made = point;
  node.ordered_in = point.batch;
  return {};
}

Outcome<void> FileDriver::order_move(Node& node, const Name& name) {
  if (known_origin(node) != nullptr) return order_after_origin(*node.origin, name);
  if (!is_current(node.made)) return {};
  const std::uint64_t before = node.made->point;
  TRY_VOID(order_made(node, name));
  return volume_.require_order(node.made->point, before);
}

Outcome<void> FileDriver::order_after_origin(Origin& origin, const Name& name) {
  for (const std::uint64_t sector : origin.sectors) TRY_VOID(order_found(name, sector));
  if (!origin.left && name.directory.id == origin.directory) return {};
  if (!origin.left) {
    TRY(Node* const before, nodes_.find(origin.directory));
    origin.left = left_point(*before);
  }
  return order_found(name, *origin.left);
}

// Whether a directory, or one of its ancestors, moved in this batch, as far as is known.
bool FileDriver::may_have_moved(NodeId directory) {
  constexpr int kDeepest = 256;
  for (int depth = 0; directory != Nodes::kRoot; ++depth) {
    const Node* const node = nodes_.known(directory);
    if (node == nullptr || node->parent == 0 || depth == kDeepest) return true;
    const Origin* const origin = known_origin(*node);
    if (origin != nullptr && origin->directory != node->parent) return true;
    directory = node->parent;
  }
  return false;
}

// While two directories each have two names, each could be found inside the other, in a loop. The
// first has to leave its old place before another directory moves into it.
Outcome<void> FileDriver::order_directory_move(Node& node, Node& parent, const Node& new_parent) {
  if (parent.id == new_parent.id) return {};
  if (directory_moved_in_ == volume_.batch() && may_have_moved(new_parent.id))
    return refuse(kCommitFirst);
  if (known_origin(node) != nullptr) directory_moved_in_ = volume_.batch();
  return {};
}

// A directory with its name in these sectors is about to go.
Outcome<void> FileDriver::order_emptied(Node& node, Node& parent,
                                        std::span<const std::uint64_t> sectors) {
  if (!is_current(node.left)) return {};
  for (const std::uint64_t sector : sectors)
    TRY_VOID(volume_.require_order(node.left->point, sector));
  if (const Origin* origin = known_origin(node))
    for (const std::uint64_t sector : origin->sectors)
      TRY_VOID(volume_.require_order(node.left->point, sector));
  return volume_.require_order(node.left->point, left_point(parent));
}

// Whether a power cut could leave the file with two names.
bool FileDriver::needs_note(const Node& node, std::span<const std::uint64_t> new_sectors) const {
  const Origin* const origin = known_origin(node);
  if (origin == nullptr) return false;
  return new_sectors.size() != 1 || !std::ranges::equal(origin->sectors, new_sectors);
}

}  // namespace airlock::fat
