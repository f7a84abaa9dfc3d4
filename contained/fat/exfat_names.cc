// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <cerrno>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/unicode.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kMostRemembered = 65536;

}  // namespace

// Two directories in the same clusters would each overwrite what the other knows.
Outcome<void> ExfatDriver::check_alone(const Node& node) {
  const std::uint32_t cluster = node.chain.first();
  if (cluster == 0) return {};
  if (directories_.size() > kMostRemembered) directories_.clear();
  const auto [known, added] = directories_.emplace(cluster, node.id);
  if (added || known->second == node.id) return {};
  const Node* const other = nodes_.known(known->second);
  if (other != nullptr && other->directory && other->chain.first() == cluster) {
    log(LogLevel::kError, "two directories share their clusters; check the volume with fsck.exfat");
    return refuse(EUCLEAN);
  }
  known->second = node.id;
  return {};
}

Outcome<ExfatDirectory*> ExfatDriver::open(Node& node) {
  if (node.directory) return static_cast<ExfatDirectory*>(node.directory.get());
  if (node.deleted) return refuse(ENOENT);
  TRY(const FileInfo info, nodes_.info_of(node));
  if (!info.is_directory()) return refuse(ENOTDIR);
  TRY_VOID(check_alone(node));
  const bool root = node.id == Nodes::kRoot;
  TRY(auto loaded,
      ExfatDirectory::load(volume_, upcase_, node.chain,
                           root ? std::nullopt : std::optional<std::uint64_t>(info.size)));
  ExfatDirectory* const directory = loaded.get();
  node.directory = std::move(loaded);
  nodes_.read_directory(directory->name_count());
  return directory;
}

Outcome<ExfatDirectory*> ExfatDriver::open_for_change(Node& node) {
  TRY(ExfatDirectory* const directory, open(node));
  if (!directory->is_untouchable()) return directory;
  log(LogLevel::kWarning, "a directory has entries of an unknown kind; it is not changed");
  return refuse(EROFS);
}

Outcome<ExfatName> ExfatDriver::entry_in(ExfatDirectory& directory, std::string_view name) {
  const auto units = to_utf16(name);
  if (!units) return refuse(ENOENT);
  TRY(auto found, directory.find(*units));
  if (!found) return refuse(ENOENT);
  return *std::move(found);
}

Outcome<ExfatDriver::Listed> ExfatDriver::find_in(Node& directory, std::string_view name) {
  TRY(ExfatDirectory* const where, open(directory));
  TRY(const ExfatName entry, entry_in(*where, name));
  return Listed{.name = entry.name, .info = entry.info, .id = nodes_.hand_out(entry)};
}

Outcome<std::optional<ExfatDriver::Listed>> ExfatDriver::next_in(Node& directory,
                                                                 std::uint64_t from,
                                                                 DirectoryDetail detail) {
  TRY(ExfatDirectory* const where, open(directory));
  if (from >= where->capacity()) return std::nullopt;
  TRY(const auto entry, where->next(static_cast<std::uint32_t>(from)));
  if (!entry) return std::nullopt;
  const NodeId id =
      detail == DirectoryDetail::kNames ? nodes_.id_at(entry->position()) : nodes_.hand_out(*entry);
  return Listed{.name = entry->name,
                .info = entry->info,
                .id = id,
                .next = std::uint64_t{entry->index} + entry->count()};
}

Outcome<bool> ExfatDriver::is_empty(Node& directory) {
  TRY(const ExfatDirectory* const where, open(directory));
  return where->is_empty();
}

// A cluster of zeroes for a directory, which is in use by now.
Outcome<ClusterRun> ExfatDriver::reserve_directory() {
  TRY(const ClusterRun run, volume_.space().reserve(0, 1));
  auto done = volume_.write_directory_zeroes(run);
  ClusterChain chain = volume_.empty_chain();
  if (done) done = volume_.append(chain, std::span(&run, 1));
  if (done) return run;
  volume_.space().cancel(run);
  return std::unexpected(done.error());
}

// One cluster more, behind the last if that is free.
Outcome<void> ExfatDriver::grow(Node& node) {
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  TRY(ExfatDirectory* const directory, open_for_change(node));
  if (!directory->can_grow()) return refuse(ENOSPC);
  const bool root = node.id == Nodes::kRoot;
  TRY(FileInfo info, nodes_.info_of(node));
  TRY(const std::uint64_t length, node.chain.length(volume_.table()));
  if (!root && info.size != length * cluster_size) return refuse(EUCLEAN);
  TRY_VOID(nodes_.prepare_change(node));
  TRY(const std::uint32_t last, node.chain.last(volume_.table()));
  TRY(const ClusterRun run, volume_.space().reserve(last == 0 ? 0 : last + 1, 1));
  Defer give_back([&] { volume_.space().cancel(run); });
  TRY_VOID(volume_.write_directory_zeroes(run));
  TRY_VOID(volume_.append(node.chain, std::span(&run, 1)));
  give_back.dismiss();
  if (root) {
    directory->grown(run, std::nullopt);
    return {};
  }
  info.first_cluster = node.chain.first();
  info.contiguous = !node.chain.is_linked();
  info.size += cluster_size;
  info.valid_size = info.size;
  directory->grown(run, volume_.geometry().block_of(node.position));
  return nodes_.store(node, info);
}

Outcome<ExfatDirectory::Place> ExfatDriver::find_place(Node& parent, std::size_t count) {
  TRY(ExfatDirectory* const directory, open_for_change(parent));
  TRY(auto place, directory->find_place(static_cast<std::uint32_t>(count)));
  if (place) return *place;
  TRY_VOID(grow(parent));
  TRY(place, directory->find_place(static_cast<std::uint32_t>(count)));
  return place ? Outcome<ExfatDirectory::Place>(*place) : refuse(ENOSPC);
}

Outcome<Attributes> ExfatDriver::make_entry(NodeId parent, std::string_view name,
                                            bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const std::u16string units, check_name(name, view_.rules));
  TRY(const auto existing, where->find(units));
  if (existing) return refuse(EEXIST);
  EntrySet set = EntrySet::make(units, upcase_);
  TRY(const ExfatDirectory::Place place, find_place(*above, set.count()));
  FileInfo info = {.made = present()};
  if (is_directory) {
    TRY(const ClusterRun run, reserve_directory());
    info.attributes = attribute::kDirectory;
    info.first_cluster = run.start;
    info.contiguous = true;
    info.size = info.valid_size = volume_.geometry().cluster_size;
  }
  touch(info);
  set.set_info(info);
  TRY(const ExfatName added, where->add(place, set));
  const Attributes attributes = attributes_of(nodes_.hand_out(added), info);
  if (is_directory) nodes_.lies_in(attributes.node, parent);
  touch_directory(*above);
  return attributes;
}

Outcome<void> ExfatDriver::remove(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const ExfatName entry, entry_in(*where, name));
  TRY(Node* const node, nodes_.find(nodes_.hand_out(entry)));
  TRY_VOID(check_removable(*node, entry.info, is_directory));
  TRY_VOID(where->prepare_removal(entry));
  forget_node(*node, entry.info);
  TRY_VOID(where->remove(entry));
  touch_directory(*above);
  return {};
}

// The file takes over the entries of what had the name before, in one write.
Outcome<void> ExfatDriver::replace(ExfatDirectory& from, const ExfatName& name, Node& node,
                                   const ExfatName& target) {
  TRY(Node* const old, nodes_.find(nodes_.hand_out(target)));
  TRY_VOID(check_removable(*old, target.info, name.info.is_directory()));
  const Geometry& geometry = volume_.geometry();
  TRY_VOID(nodes_.prepare_change(*old));
  TRY_VOID(volume_.require_order(geometry.block_of(name.position()),
                                 geometry.block_of(target.position())));
  TRY_VOID(from.prepare_removal(name));
  forget_node(*old, target.info);
  TRY_VOID(from.remove(name));
  nodes_.moved(node, target);
  return nodes_.store(node, name.info);
}

Outcome<void> ExfatDriver::move_to_new_name(ExfatDirectory& from, const ExfatName& name, Node& node,
                                            Node& new_parent, const std::u16string& new_name) {
  TRY(ExfatDirectory* const to, open_for_change(new_parent));
  TRY(EntrySet set, from.set_of(name));
  if (!set.rename(new_name, upcase_)) return refuse(ENAMETOOLONG);
  TRY(const ExfatDirectory::Place place, find_place(new_parent, set.count()));
  TRY_VOID(volume_.require_order(volume_.geometry().block_of(name.position()), place.block));
  TRY_VOID(from.prepare_removal(name));
  TRY_VOID(from.remove(name));
  TRY(const ExfatName added, to->add(place, set));
  nodes_.moved(node, added);
  return {};
}

Outcome<void> ExfatDriver::rename_once(const Renaming& renaming) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const below, directory_node(renaming.parent));
  TRY(ExfatDirectory* const from, open_for_change(*below));
  TRY(const ExfatName entry, entry_in(*from, renaming.name));
  TRY(Node* const node, nodes_.find(nodes_.hand_out(entry)));
  TRY(Node* const above, directory_node(renaming.new_parent));
  TRY(ExfatDirectory* const to, open_for_change(*above));
  TRY(const std::u16string units, check_name(renaming.new_name, view_.rules));
  TRY(const auto target, to->find(units));
  const bool itself = target && target->position() == entry.position();
  if (itself && target->name == units) return {};
  if (target && !itself && (renaming.flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  if (target && !itself) {
    TRY_VOID(replace(*from, entry, *node, *target));
  } else {
    TRY_VOID(move_to_new_name(*from, entry, *node, *above, units));
  }
  if (entry.info.is_directory()) nodes_.lies_in(node->id, above->id);
  touch_directory(*below);
  touch_directory(*above);
  return {};
}

}  // namespace airlock::fat
