// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "contained/fat/exfat_directory.h"
#include "contained/fat/exfat_nodes.h"
#include "contained/fat/file_driver.h"

namespace airlock::fat {

// The exFAT half of FileDriver: sets of entries, and directories that know their size.
class ExfatDriver final : public FileDriver {
 public:
  ExfatDriver(Volume& volume, const UpcaseTable& upcase, const View& view);

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

  Outcome<ExfatDirectory*> open(Node& node);
  Outcome<ExfatDirectory*> open_for_change(Node& node);
  Outcome<void> check_alone(const Node& node);
  Outcome<ExfatName> entry_in(ExfatDirectory& directory, std::string_view name);
  Outcome<ExfatDirectory::Place> find_place(Node& parent, std::u16string_view name,
                                            std::size_t count, const ExfatDirectory::Wish& wish);
  Outcome<void> grow(Node& node);
  Outcome<ClusterRun> reserve_directory();
  // The file to be renamed, and its place.
  struct Source {
    Node& node;
    Node& parent;
    ExfatDirectory& directory;
    const ExfatName& name;
  };
  Outcome<const Origin*> find_origin(const Source& source);
  Outcome<void> prepare_move(const Source& source, Node& new_parent, const Name& name);
  Outcome<void> replace(const Source& source, Node& new_parent, const ExfatName& target);
  Outcome<void> move_to_new_name(const Source& source, Node& new_parent,
                                 const std::u16string& new_name);
  Outcome<void> keep_note(const Node& node, ExfatDirectory& directory, const ExfatName& name,
                          std::optional<std::uint32_t> note);

  const UpcaseTable& upcase_;
  ExfatNodes nodes_;
  // The directory that begins in a cluster, of those read so far.
  std::unordered_map<std::uint32_t, NodeId> directories_;
};

}  // namespace airlock::fat
