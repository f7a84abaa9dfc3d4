// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string_view>

#include "contained/fat/directory.h"
#include "contained/fat/fat_nodes.h"
#include "contained/fat/file_driver.h"

namespace airlock::fat {

// The FAT12, FAT16 and FAT32 half of FileDriver: slots, dots and short names.
class FatDriver final : public FileDriver {
 public:
  FatDriver(Volume& volume, const View& view);

 private:
  [[nodiscard]] ZonedTime time_of(const timespec& moment) const override;
  Outcome<Listed> find_in(Node& directory, std::string_view name) override;
  Outcome<std::optional<Listed>> next_in(Node& directory, std::uint64_t from,
                                         DirectoryDetail detail) override;
  Outcome<bool> is_empty(Node& directory) override;
  Outcome<Attributes> make_entry(NodeId parent, std::string_view name, bool is_directory) override;
  Outcome<void> remove(NodeId parent, std::string_view name, bool is_directory) override;
  Outcome<void> rename_once(const Renaming& renaming) override;
  Outcome<void> grow_to(NodeId node, std::uint64_t size) override;

  Outcome<Directory*> open(Node& node);
  Outcome<void> check_dots(Directory& directory, const Node& node);
  Outcome<Entry> entry_in(Directory& directory, std::string_view name);
  Outcome<Node*> node_of(const Entry& entry);
  [[nodiscard]] std::uint32_t dots_cluster(Node& node) const;
  Outcome<std::uint32_t> make_content(Node& parent, std::uint64_t entry_sector);
  Outcome<void> fill_directory(const ClusterRun& run, std::uint32_t parent,
                               std::uint64_t entry_sector);
  // The file to be renamed, and its place.
  struct Source {
    Node& node;
    Node& parent;
    Directory& directory;
    const Entry& entry;
  };
  Outcome<const Origin*> find_origin(const Source& source);
  Outcome<void> replace(const Source& source, Node& new_parent, const Entry& target);
  Outcome<void> move_to_new_name(const Source& source, Node& new_parent, const NewName& new_name);
  Outcome<void> prepare_move(const Source& source, Node& new_parent, const Name& name,
                             std::uint64_t name_sector);
  Outcome<void> point_to_parent(Node& node, Node& new_parent, const Name& name);
  Outcome<void> keep_note(const Node& node, Directory& directory, std::uint32_t slot,
                          std::optional<std::uint32_t> note);
  Outcome<void> settle(Node& node, Directory& directory, const Entry& entry, const Slot& saved);

  FatNodes nodes_;
};

}  // namespace airlock::fat
