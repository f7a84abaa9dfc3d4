// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/nodes.h"
#include "contained/fat/view.h"
#include "contained/fat/volume.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/node_locks.h"

namespace airlock::fat {

// FAT as a FileSystem: files, names and attributes over a Volume. Directories and the table are
// read and changed under the volume's lock; file data moves between the caller's memory and the
// medium outside of it, under a lock of the file only. One source per kind of operation:
// fat_driver.cc attributes and sync, fat_names.cc, fat_data.cc.
class FatDriver final : public FileSystem {
 public:
  FatDriver(Volume& volume, const View& view);

  [[nodiscard]] Names names() const override { return Names::kFolded; }
  // A full medium or the largest size of a file has to be the answer to the write that meets it.
  [[nodiscard]] Writes writes() const override { return Writes::kAtOnce; }

  Outcome<Attributes> lookup(NodeId parent, std::string_view name) override;
  Outcome<Attributes> attributes(NodeId node) override;
  Outcome<void> list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                     EntrySink& sink) override;
  Outcome<std::size_t> read(NodeId node, std::uint64_t offset, std::span<std::byte> into) override;
  Outcome<std::string> read_link(NodeId node) override;
  Outcome<struct statvfs> statistics() override;
  Outcome<Attributes> change(NodeId node, const AttributeChange& change) override;
  Outcome<Attributes> make_node(NodeId parent, std::string_view name, const NewNode& node) override;
  Outcome<Attributes> make_link(NodeId parent, std::string_view name, std::string_view target,
                                Caller caller) override;
  Outcome<Attributes> link(NodeId node, NodeId parent, std::string_view name) override;
  Outcome<void> unlink(NodeId parent, std::string_view name) override;
  Outcome<void> remove_directory(NodeId parent, std::string_view name) override;
  Outcome<void> rename(NodeId parent, std::string_view name, NodeId new_parent,
                       std::string_view new_name, unsigned flags) override;
  Outcome<Written> write(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                         const WriteOptions& options) override;
  Outcome<void> allocate(NodeId node, int mode, std::uint64_t offset,
                         std::uint64_t length) override;
  Outcome<std::uint64_t> seek(NodeId node, std::uint64_t offset, int whence) override;
  Outcome<void> sync(NodeId node, SyncScope scope) override;
  Outcome<void> sync_all() override;
  Outcome<std::string> get_attribute(NodeId node, std::string_view name) override;
  Outcome<std::string> list_attributes(NodeId node) override;
  Outcome<void> set_attribute(NodeId node, std::string_view name, std::span<const std::byte> value,
                              int flags) override;
  Outcome<void> remove_attribute(NodeId node, std::string_view name) override;
  Outcome<std::uint64_t> trim(std::uint64_t start, std::uint64_t length,
                              std::uint64_t minimum) override;
  bool forgotten(NodeId node) override;
  void gone(NodeId node) override;
  void unmounted() override;

 private:
  // Bytes of a file that lie together, and where.
  struct Segment {
    std::uint64_t file_offset = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  using Segments = std::vector<Segment>;

  // fat_driver.cc
  Outcome<Node*> file(NodeId id);
  Outcome<Node*> directory_node(NodeId id);
  [[nodiscard]] mode_t mode_of(const Slot& slot) const;
  [[nodiscard]] Attributes attributes_of(NodeId id, const Slot& slot) const;
  Outcome<Attributes> attributes_of(Node& node);
  void touch(const Slot& slot) const;
  Outcome<void> check_owner(const AttributeChange& change) const;
  Outcome<Attributes> change_fields(NodeId node, const AttributeChange& change);
  Outcome<void> release_chain(Node& node, Volume::Content content);

  // fat_names.cc
  Outcome<Directory*> open(Node& node);
  Outcome<void> check_dots(Directory& directory, const Node& node);
  Outcome<Directory*> directory(NodeId id);
  Outcome<Entry> entry_in(Directory& directory, std::string_view name);
  Outcome<Node*> node_of(const Entry& entry);
  [[nodiscard]] std::uint32_t dots_cluster(Node& node) const;
  Outcome<Attributes> make_file(NodeId parent, std::string_view name);
  Outcome<Attributes> make_directory(NodeId parent, std::string_view name);
  Outcome<void> fill_directory(const ClusterRun& run, std::uint32_t parent, std::uint64_t entry);
  Outcome<void> touch_directory(NodeId id);
  Outcome<void> remove(NodeId parent, std::string_view name, bool is_directory);
  Outcome<void> forget_node(Node& node, const Slot& slot);
  Outcome<void> rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                            std::string_view new_name, unsigned flags);
  Outcome<void> move_to_new_name(Directory& from, const Entry& entry, Node& node, NodeId parent,
                                 Node& new_parent, std::string_view new_name);
  Outcome<void> replace(Directory& from, const Entry& entry, Node& node, const Entry& target,
                        bool other_parent, Node& new_parent);
  Outcome<void> point_to_parent(Node& node, Node& new_parent, std::uint64_t old_block,
                                std::uint64_t new_block);

  // fat_data.cc
  Outcome<Segments> segments(Node& node, std::uint64_t offset, std::uint64_t length);
  Outcome<bool> overwrite(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  Outcome<void> grow_to(NodeId node, std::uint64_t size);
  Outcome<void> extend(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  Outcome<std::vector<ClusterRun>> reserve(Node& node, std::uint64_t size);
  Outcome<void> adopt(Node& node, std::vector<ClusterRun>& runs, std::uint64_t size);
  Outcome<void> truncate(NodeId node, std::uint64_t size);
  Outcome<void> shrink(NodeId node, std::uint64_t size);

  Volume& volume_;
  View view_;
  Nodes nodes_;
  NodeLocks locks_;
};

}  // namespace airlock::fat
