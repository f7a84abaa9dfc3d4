// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contained/fat/exfat_nodes.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/view.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/node_locks.h"

namespace airlock::fat {

// exFAT as a FileSystem: files, names and attributes over a Volume. As in FatDriver, directories,
// bitmap and table are read and changed under the volume's lock; file data moves outside of it,
// under a lock of the file only. One source per kind of operation: exfat_driver.cc attributes and
// sync, exfat_names.cc, exfat_data.cc.
class ExfatDriver final : public FileSystem {
 public:
  ExfatDriver(Volume& volume, const UpcaseTable& upcase, const View& view);

  [[nodiscard]] Names names() const override { return Names::kFolded; }
  // A full medium has to be the answer to the write that meets it.
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

  // exfat_driver.cc
  Outcome<ExfatNode*> file(NodeId id);
  Outcome<ExfatNode*> directory_node(NodeId id);
  [[nodiscard]] mode_t mode_of(const FileInfo& info) const;
  [[nodiscard]] Attributes attributes_of(NodeId id, const FileInfo& info) const;
  Outcome<Attributes> attributes_of(ExfatNode& node);
  void touch(FileInfo& info) const;
  Outcome<void> check_owner(const AttributeChange& change) const;
  Outcome<Attributes> change_fields(NodeId node, const AttributeChange& change);
  Outcome<void> set_bits(NodeId node, std::uint32_t bits);
  Outcome<void> release_chain(ExfatNode& node, Volume::Content content);

  // exfat_names.cc
  Outcome<ExfatDirectory*> open(ExfatNode& node);
  Outcome<ExfatDirectory*> open_for_change(ExfatNode& node);
  Outcome<void> check_alone(const ExfatNode& node);
  Outcome<ExfatName> entry_in(ExfatDirectory& directory, std::string_view name);
  Outcome<ExfatDirectory::Place> find_place(ExfatNode& parent, std::size_t count);
  Outcome<void> grow(ExfatNode& node);
  Outcome<Attributes> make_entry(NodeId parent, std::string_view name, bool is_directory);
  Outcome<ClusterRun> reserve_directory();
  void touch_directory(ExfatNode& node);
  Outcome<void> remove(NodeId parent, std::string_view name, bool is_directory);
  void forget_node(ExfatNode& node, const FileInfo& info);
  Outcome<void> rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                            std::string_view new_name, unsigned flags);
  Outcome<void> move_to_new_name(ExfatDirectory& from, const ExfatName& name, ExfatNode& node,
                                 ExfatNode& new_parent, const std::u16string& new_name);
  Outcome<void> check_replaceable(const ExfatName& name, const ExfatName& target);
  Outcome<void> replace(ExfatDirectory& from, const ExfatName& name, ExfatNode& node,
                        const ExfatName& target);

  // exfat_data.cc
  Outcome<Segments> segments(ExfatNode& node, std::uint64_t offset, std::uint64_t length);
  Outcome<bool> overwrite(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  Outcome<void> zero_to(NodeId node, std::uint64_t offset);
  Outcome<void> extend(NodeId node, std::uint64_t offset, std::span<const std::byte> from);
  Outcome<std::vector<ClusterRun>> reserve(ExfatNode& node, std::uint64_t size);
  Outcome<void> adopt(ExfatNode& node, std::span<const ClusterRun> runs, std::uint64_t size,
                      std::uint64_t valid_size);
  Outcome<void> grow_to(NodeId node, std::uint64_t size);
  Outcome<void> shrink(NodeId node, std::uint64_t size);
  Outcome<void> truncate(NodeId node, std::uint64_t size);

  Volume& volume_;
  const UpcaseTable& upcase_;
  View view_;
  ExfatNodes nodes_;
  NodeLocks locks_;
  // Which directory begins in a cluster, of those that were read.
  std::unordered_map<std::uint32_t, NodeId> directories_;
};

}  // namespace airlock::fat
