// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/power/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <system_error>

namespace airlock::power {

Workload::Workload(FileSystem& files, RecordingMedium& medium, History& history,
                   const WorkloadOptions& options)
    : files_(files), medium_(medium), history_(history), options_(options), random_(options.seed) {}

unsigned Workload::pick(std::size_t below) {
  return static_cast<unsigned>(random_() % below);
}

std::size_t Workload::count(bool folder) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      there_, [&](const auto& item) { return item.second.folder == folder; }));
}

// The root where there is none.
Workload::Object Workload::pick_of(bool folder) {
  std::vector<Object> all;
  for (const auto& [object, place] : there_)
    if (place.folder == folder) all.push_back(object);
  return all.empty() ? History::kRoot : all[pick(all.size())];
}

Workload::Object Workload::pick_folder() {
  return pick(3) == 0 ? History::kRoot : pick_of(true);
}

// Short, of two parts, and longer than a sector of a directory has room for beside others.
std::string Workload::pick_name() {
  const std::array<std::size_t, 5> lengths = {0, 8, 20, 70, 150};
  return fmt::format("name {}{}", pick(30), std::string(lengths.at(pick(lengths.size())), 'x'));
}

bool Workload::is_inside(Object inner, Object outer) const {
  while (inner != outer && inner != History::kRoot) inner = there_.at(inner).parent;
  return inner == outer;
}

bool Workload::is_taken(Object parent, const std::string& name) const {
  return std::ranges::any_of(there_, [&](const auto& item) {
    return item.second.parent == parent && item.second.name == name;
  });
}

bool Workload::has_children(Object folder) const {
  return std::ranges::any_of(there_,
                             [&](const auto& item) { return item.second.parent == folder; });
}

Outcome<NodeId> Workload::node_of(Object object) {
  if (object == History::kRoot) return options_.root;
  const Place& place = there_.at(object);
  TRY(const NodeId parent, node_of(place.parent));
  TRY(const Attributes found, files_.lookup(parent, place.name));
  return found.node;
}

// As the kernel does with what has no name any more.
void Workload::let_go(NodeId node) {
  if (files_.forgotten(node)) files_.gone(node);
}

Workload::Done Workload::make(bool folder) {
  const Place place = {.parent = pick_folder(), .name = pick_name(), .folder = folder};
  if (is_taken(place.parent, place.name)) return {};
  TRY(const NodeId parent, node_of(place.parent));
  const Object made = history_.make(place.parent, place.name, folder);
  const mode_t mode = folder ? S_IFDIR | 0755 : S_IFREG | 0644;
  TRY_VOID(files_.make_node(parent, place.name, {.mode = mode}));
  there_[made] = place;
  return {};
}

Workload::Done Workload::write_to(Object file, std::size_t at) {
  TRY(const NodeId node, node_of(file));
  // Every write has bytes of its own, so that none can be taken for another's.
  std::string text;
  for (std::size_t length = 1 + pick(options_.most_bytes); text.size() < length;)
    text += fmt::format("{}:{} ", file, random_());
  std::string content = history_.content(file);
  content.resize(std::max(content.size(), at + text.size()));
  content.replace(at, text.size(), text);
  history_.set_content(file, content);
  TRY_VOID(files_.write(node, at, std::as_bytes(std::span(text)), {}));
  return {};
}

Workload::Done Workload::write_some() {
  const Object file = pick_of(false);
  if (file == History::kRoot) return {};
  const std::size_t size = history_.content(file).size();
  if (size > 8 * std::size_t{options_.most_bytes}) return {};
  return write_to(file, pick(3) == 0 && size > 0 ? pick(size) : size);
}

Workload::Done Workload::resize() {
  const Object file = pick_of(false);
  if (file == History::kRoot) return {};
  TRY(const NodeId node, node_of(file));
  std::string content = history_.content(file);
  content.resize(pick(content.size() + options_.most_bytes / 3));
  history_.set_content(file, content);
  TRY_VOID(files_.change(node, {.size = content.size()}));
  return {};
}

Workload::Done Workload::rename_some(bool folder, bool replace) {
  const Object object = pick_of(folder);
  if (object == History::kRoot) return {};
  Place to = {.parent = pick(2) == 0 ? there_.at(object).parent : pick_folder(),
              .name = pick_name(),
              .folder = folder};
  const Object target = replace ? pick_of(folder) : History::kRoot;
  if (target == object || (folder && target != History::kRoot && has_children(target))) return {};
  if (target != History::kRoot) to = there_.at(target);
  if (target == History::kRoot && is_taken(to.parent, to.name)) return {};
  if (is_inside(to.parent, object)) return {};
  const Place from = there_.at(object);
  TRY(const NodeId old_parent, node_of(from.parent));
  TRY(const NodeId new_parent, node_of(to.parent));
  const auto replaced = target == History::kRoot ? Outcome<NodeId>(0) : node_of(target);
  if (!replaced) return std::unexpected(replaced.error());
  history_.move(object, to.parent, to.name);
  TRY_VOID(files_.rename(old_parent, from.name, new_parent, to.name, 0));
  if (target != History::kRoot) {
    let_go(*replaced);
    there_.erase(target);
  }
  there_[object] = to;
  return {};
}

Workload::Done Workload::remove_some(bool folder) {
  const Object object = pick_of(folder);
  if (object == History::kRoot || has_children(object)) return {};
  const Place place = there_.at(object);
  TRY(const NodeId parent, node_of(place.parent));
  TRY(const NodeId node, node_of(object));
  history_.remove(object);
  if (folder) {
    TRY_VOID(files_.remove_directory(parent, place.name));
  } else {
    TRY_VOID(files_.unlink(parent, place.name));
  }
  let_go(node);
  there_.erase(object);
  return {};
}

Workload::Done Workload::sync() {
  const Object file = pick_of(false);
  if (!options_.sync_single_files || file == History::kRoot || pick(2) == 0) {
    TRY_VOID(files_.sync_all());
    history_.synced();
    return {};
  }
  TRY(const NodeId node, node_of(file));
  TRY_VOID(files_.sync(node, SyncScope::kAll));
  history_.synced(file);
  return {};
}

Workload::Done Workload::step() {
  const bool room = count(false) < options_.most_files;
  switch (pick(16)) {
    case 0:
    case 1:
    case 2:
      return room ? make(false) : remove_some(false);
    case 3:
      return count(true) < options_.most_folders ? make(true) : remove_some(true);
    case 4:
    case 5:
    case 6:
      return write_some();
    case 7:
      return resize();
    case 8:
    case 9:
    case 10:
      return rename_some(false, false);
    case 11:
      return rename_some(false, true);
    case 12:
      return rename_some(true, pick(4) == 0 && options_.replace_folders);
    case 13:
      return remove_some(pick(4) == 0);
    default:
      return sync();
  }
}

std::string Workload::run(int operations) {
  for (int i = 0; i < operations; ++i) {
    const History::Step number = history_.next();
    const Done done = step();
    if (!done)
      return fmt::format("operation {}: {}", number,
                         std::error_code(done.error().value, std::system_category()).message());
    medium_.mark(static_cast<std::uint64_t>(number));
  }
  return {};
}

}  // namespace airlock::power
