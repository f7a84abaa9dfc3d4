// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/actor.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace airlock::power {

bool Actor::is_inside(Object inner, Object outer) const {
  while (inner != outer && inner != History::kRoot) inner = there_.at(inner).parent;
  return inner == outer;
}

bool Actor::is_taken(Object parent, const std::string& name) const {
  return std::ranges::any_of(there_, [&](const auto& item) {
    return item.second.parent == parent && item.second.name == name;
  });
}

bool Actor::has_children(Object folder) const {
  return std::ranges::any_of(there_,
                             [&](const auto& item) { return item.second.parent == folder; });
}

Outcome<NodeId> Actor::node_of(Object object) {
  if (object == History::kRoot) return root_;
  const Place& place = there_.at(object);
  TRY(const NodeId parent, node_of(place.parent));
  TRY(const Attributes found, files_.lookup(parent, place.name));
  return found.node;
}

// As the kernel does with a file without a name.
void Actor::let_go(NodeId node) {
  if (files_.forgotten(node)) files_.gone(node);
}

Outcome<Actor::Object> Actor::make(const Place& place) {
  TRY(const NodeId parent, node_of(place.parent));
  const Object made = history_.make(place.parent, place.name, place.folder);
  const mode_t mode = place.folder ? S_IFDIR | 0755 : S_IFREG | 0644;
  TRY_VOID(files_.make_node(parent, place.name, {.mode = mode}));
  there_[made] = place;
  return made;
}

Actor::Done Actor::write(Object file, std::size_t at, const std::string& text) {
  TRY(const NodeId node, node_of(file));
  std::string content = history_.content(file);
  content.resize(std::max(content.size(), at + text.size()));
  content.replace(at, text.size(), text);
  history_.set_content(file, content);
  TRY_VOID(files_.write(node, at, std::as_bytes(std::span(text)), {}));
  return {};
}

Actor::Done Actor::resize(Object file, std::size_t size) {
  TRY(const NodeId node, node_of(file));
  std::string content = history_.content(file);
  content.resize(size);
  history_.set_content(file, content);
  TRY_VOID(files_.change(node, {.size = size}));
  return {};
}

Actor::Done Actor::rename(Object object, Place to) {
  const Place from = there_.at(object);
  const auto target = std::ranges::find_if(there_, [&](const auto& item) {
    return item.second.parent == to.parent && item.second.name == to.name;
  });
  TRY(const NodeId old_parent, node_of(from.parent));
  TRY(const NodeId new_parent, node_of(to.parent));
  const auto replaced = target == there_.end() ? Outcome<NodeId>(0) : node_of(target->first);
  if (!replaced) return std::unexpected(replaced.error());
  history_.move(object, to.parent, to.name);
  TRY_VOID(files_.rename(old_parent, from.name, new_parent, to.name, 0));
  if (target != there_.end()) {
    let_go(*replaced);
    there_.erase(target);
  }
  there_[object] = std::move(to);
  return {};
}

Actor::Done Actor::remove(Object object) {
  const Place place = there_.at(object);
  TRY(const NodeId parent, node_of(place.parent));
  TRY(const NodeId node, node_of(object));
  history_.remove(object);
  if (place.folder) {
    TRY_VOID(files_.remove_directory(parent, place.name));
  } else {
    TRY_VOID(files_.unlink(parent, place.name));
  }
  let_go(node);
  there_.erase(object);
  return {};
}

Actor::Done Actor::sync() {
  TRY_VOID(files_.sync_all());
  history_.synced();
  return {};
}

Actor::Done Actor::sync(Object object) {
  TRY(const NodeId node, node_of(object));
  TRY_VOID(files_.sync(node, SyncScope::kAll));
  history_.synced(object);
  return {};
}

}  // namespace airlock::power
