// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "contained/fat/file_driver.h"

// A file that is renamed has its new name on the medium before the old one goes. For that, whoever
// reads the medium has to find the new name: its directory, and the directories that one is in, may
// be new themselves. And a directory goes only once all that was moved out of it is found
// elsewhere.
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

// Somebody finds the records of a directory, and the directory, before `after` is on the medium.
Outcome<void> FileDriver::order_found(const Name& name, std::uint64_t after) {
  TRY_VOID(name.records.order_seen(name.first, name.count, after));
  if (!is_current(name.directory.made)) return {};
  return volume_.require_order(name.directory.made->point, after);
}

// What has been made in this batch is found there. Nothing is before it yet, so this can't fail for
// an order.
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

// Whether a directory, or one that it is in, has moved in this batch, as far as anybody knows.
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

// With two names of two directories each could be found in the other, and so on without end. The
// first has to have left its old place before another directory goes into it.
Outcome<void> FileDriver::order_directory_move(Node& node, Node& parent, const Node& new_parent) {
  if (parent.id == new_parent.id) return {};
  if (directory_moved_in_ == volume_.batch() && may_have_moved(new_parent.id))
    return refuse(kCommitFirst);
  if (known_origin(node) != nullptr) directory_moved_in_ = volume_.batch();
  return {};
}

// A directory is about to go, whose name is in these sectors.
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

// Whether power may go while the file has two names.
bool FileDriver::needs_note(const Node& node, std::span<const std::uint64_t> new_sectors) const {
  const Origin* const origin = known_origin(node);
  if (origin == nullptr) return false;
  return new_sectors.size() != 1 || !std::ranges::equal(origin->sectors, new_sectors);
}

}  // namespace airlock::fat
