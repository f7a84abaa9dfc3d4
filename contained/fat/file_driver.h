// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/nodes.h"
#include "contained/fat/view.h"
#include "contained/fat/volume.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/node_locks.h"

namespace airlock::fat {

// The common part of FAT and exFAT as a FileSystem: attributes, file data, and the part of names
// that does not depend on the form of a directory; FatDriver and ExfatDriver add the rest.
// Directories, bitmap and table are read and changed under the volume's lock; file data moves
// between the caller's memory and the medium outside it, under a lock of the file only. One source
// per kind of operation: file_driver.cc attributes and sync, file_names.cc, rename_order.cc,
// file_data.cc.
class FileDriver : public FileSystem {
 public:
  [[nodiscard]] Names names() const override { return Names::kFolded; }
  // A write that meets a full medium or the largest file size has to be answered with that error.
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
  Outcome<void> unmounted() override;

 protected:
  // The most pieces of a file released or added in one step: each needs memory until it is
  // committed.
  static constexpr std::uint32_t kMostPiecesAtOnce = 1u << 18;

  static constexpr std::uint64_t kAllClusters = ~std::uint64_t{0};

  // A node and its fields on the medium.
  struct Known {
    Node* node = nullptr;
    FileInfo info;
  };
  // A file as its directory lists it.
  struct Listed {
    std::u16string name;
    FileInfo info;
    NodeId id = 0;
    std::uint64_t next = 0;  // where the listing continues
  };
  struct Renaming {
    NodeId parent;
    std::string_view name;
    NodeId new_parent;
    std::string_view new_name;
    unsigned flags;
  };

  FileDriver(Volume& volume, Nodes& nodes, const View& view, std::uint64_t largest_file)
      : volume_(volume), view_(view), nodes_(nodes), largest_file_(largest_file) {}

  // A time in the form of the medium.
  [[nodiscard]] virtual ZonedTime time_of(const timespec& moment) const = 0;
  // Called under the volume's lock, and again after a commit.
  virtual Outcome<Listed> find_in(Node& directory, std::string_view name) = 0;
  virtual Outcome<std::optional<Listed>> next_in(Node& directory, std::uint64_t from,
                                                 DirectoryDetail detail) = 0;
  virtual Outcome<bool> is_empty(Node& directory) = 0;
  virtual Outcome<Attributes> make_entry(NodeId parent, std::string_view name,
                                         bool is_directory) = 0;
  virtual Outcome<void> remove(NodeId parent, std::string_view name, bool is_directory) = 0;
  virtual Outcome<void> rename_once(const Renaming& renaming) = 0;
  // Extends a file with zeroes.
  virtual Outcome<void> grow_to(NodeId node, std::uint64_t size) = 0;

  // file_driver.cc
  Outcome<Known> any_node(NodeId id);
  Outcome<Known> file(NodeId id);
  Outcome<Node*> directory_node(NodeId id);
  [[nodiscard]] Attributes attributes_of(NodeId id, const FileInfo& info) const;
  [[nodiscard]] ZonedTime present() const;
  void touch(FileInfo& info) const;
  Outcome<Attributes> lookup_once(NodeId parent, std::string_view name);
  Outcome<void> list_once(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                          EntrySink& sink);
  // Finds the first clusters of a file; kAnotherTurn until they are known.
  Outcome<void> learn(Node& node, std::uint64_t clusters);
  Outcome<bool> free_space_of(NodeId node);
  Outcome<bool> release_chain(Node& node, Volume::Content content);

  // file_names.cc
  void touch_directory(Node& node);
  void forget_node(Node& node, const FileInfo& info);
  Outcome<void> check_removable(Node& node, const FileInfo& info, bool is_directory);

  // rename_order.cc
  // The records of a name, and their directory.
  struct Name {
    const Node& directory;
    Records& records;
    std::uint32_t first;
    std::uint32_t count;
  };
  [[nodiscard]] bool is_current(const std::optional<OrderPoint>& point) const;
  [[nodiscard]] const Origin* known_origin(const Node& node) const;
  const Origin* remember_origin(Node& node, Origin origin);
  Outcome<void> order_found(const Name& name, std::uint64_t after);
  Outcome<void> order_made(Node& node, const Name& name);
  Outcome<void> order_move(Node& node, const Name& name);
  Outcome<void> order_emptied(Node& node, Node& parent, std::span<const std::uint64_t> sectors);
  Outcome<void> order_directory_move(Node& node, Node& parent, const Node& new_parent);
  [[nodiscard]] bool needs_note(const Node& node, std::span<const std::uint64_t> new_sectors) const;

  // file_data.cc
  Outcome<void> zero_to(NodeId node, std::uint64_t offset);
  Outcome<void> reserve_to(NodeId node, std::uint64_t size);

  Volume& volume_;
  View view_;

 private:
  // rename_order.cc
  std::uint64_t left_point(Node& directory);
  Outcome<void> order_after_origin(Origin& origin, const Name& name);
  [[nodiscard]] bool may_have_moved(NodeId directory);

  // Consecutive bytes of a file, and their place.
  struct Segment {
    std::uint64_t file_offset = 0;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  using Segments = std::vector<Segment>;

  Outcome<std::size_t> find_data(NodeId node, std::uint64_t offset, std::span<std::byte> into,
                                 Segments& where);

  // file_driver.cc
  [[nodiscard]] mode_t mode_of(const FileInfo& info) const;
  Outcome<Attributes> attributes_of(NodeId node);
  Outcome<void> check_owner(const AttributeChange& change) const;
  Outcome<Attributes> change_fields(NodeId node, const AttributeChange& change);
  Outcome<void> set_bits(NodeId node, std::uint32_t bits);

  // file_data.cc
  [[nodiscard]] Segment segment_in(const ClusterRun& run, std::uint64_t at,
                                   std::uint64_t end) const;
  Outcome<Segments> segments(Node& node, std::uint64_t offset, std::uint64_t length);
  Outcome<void> write_segments(const Segments& where, std::uint64_t offset,
                               std::span<const std::byte> from, std::size_t behind = 0);
  Outcome<bool> overwrite(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  void add_new(Segments& where, std::uint64_t offset, std::uint64_t end,
               std::span<const ClusterRun> runs) const;
  Outcome<void> extend(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  [[nodiscard]] bool is_being_cut(const Node& node) const;
  [[nodiscard]] std::uint64_t clusters_for(std::uint64_t size) const;
  Outcome<std::vector<ClusterRun>> reserve(Node& node, std::uint64_t size);
  void cancel(std::span<const ClusterRun> runs);
  Outcome<void> adopt(const Known& file, std::vector<ClusterRun>& runs, std::uint64_t size,
                      std::uint64_t valid_size);
  Outcome<std::uint64_t> shrink(NodeId node, std::uint64_t size);
  Outcome<void> truncate(NodeId node, std::uint64_t size);

  Nodes& nodes_;
  std::uint64_t largest_file_;
  std::uint64_t shortened_in_ = 0;        // the batch that last made a file shorter
  std::uint64_t directory_moved_in_ = 0;  // the batch that last moved a directory elsewhere
  NodeLocks locks_;
};

}  // namespace airlock::fat
