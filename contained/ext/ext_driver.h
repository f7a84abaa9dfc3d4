// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "contained/ext/inode_blocks.h"
#include "contained/ext/volume.h"
#include "contained/ext/xattr.h"
#include "contained/runtime/driver_options.h"
#include "contained/runtime/file_system.h"
#include "contained/runtime/node_locks.h"

namespace airlock::ext {

// ext2, ext3 and ext4 as a FileSystem: files, names and attributes over a Volume. Metadata is read
// and changed under the volume's lock; file data moves between the caller's memory and the medium
// outside of it, under a lock of the file only. One file per kind of operation:
// ext_driver.cc attributes and sync, ext_flags.cc, ext_names.cc, ext_order.cc, ext_data.cc,
// ext_allocate.cc, ext_xattrs.cc.
class ExtDriver final : public FileSystem {
 public:
  ExtDriver(Volume& volume, const DriverOptions& options);
  ~ExtDriver() override;
  ExtDriver(const ExtDriver&) = delete;
  ExtDriver& operator=(const ExtDriver&) = delete;

  [[nodiscard]] Names names() const override;
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
  Outcome<void> rename_leaving_whiteout(NodeId parent, std::string_view name, NodeId new_parent,
                                        std::string_view new_name, unsigned flags,
                                        Caller caller) override;
  Outcome<Attributes> make_unnamed(NodeId parent, const NewNode& node) override;
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
  Outcome<FileFlags> flags(NodeId node) override;
  Outcome<void> change_flags(NodeId node, std::uint32_t flags) override;
  Outcome<std::string> label() override;
  Outcome<void> set_label(std::string_view label) override;
  bool forgotten(NodeId node) override;
  void gone(NodeId node) override;
  Outcome<void> unmounted() override;

  // Deletes every unlinked file: at the start what an earlier mount left, and at the end, when
  // nobody holds one any more.
  Outcome<void> delete_orphans();

 private:
  // Part of the data of a file and where it lies on the medium.
  struct Segment {
    std::uint64_t logical = 0;
    std::uint64_t physical = 0;
    std::uint64_t count = 0;
    enum class Kind { kWritten, kUnwritten, kNew } kind = Kind::kWritten;
  };
  using Segments = std::vector<Segment>;

  static std::uint32_t number_of(NodeId node);
  static NodeId node_of(std::uint32_t number);
  Outcome<Inode> inode_of(NodeId node);
  // Also says no to a changed inode that is immutable or only for appending.
  Outcome<Inode> changeable(NodeId node);
  Outcome<Inode> directory_of(NodeId node);
  Outcome<Inode> changeable_directory(NodeId node);
  [[nodiscard]] Attributes attributes_of(const Inode& inode) const;
  void touch(const Inode& inode, bool modified) const;

  // What the kernel writes back was accepted before all writing ended. It is no change to be
  // refused but a lost one, and what comes of it is what fsync answers.
  template <typename Answer>
  Outcome<Answer> as_write_back(Outcome<Answer> outcome) const {
    if (!outcome && outcome.error().value == EROFS)
      if (auto intact = volume_.require_intact(); !intact) return std::unexpected(intact.error());
    return outcome;
  }

  // Runs something that needs space; commits and runs it again if blocks come free by that.
  template <typename Attempt>
  auto with_space(Attempt attempt) -> decltype(attempt());

  // ext_driver.cc
  bool shed_some(NodeId node);
  void drop_privileges(const Inode& inode) const;
  Outcome<void> change_owner(const Inode& inode, const AttributeChange& change) const;
  Outcome<Attributes> change_fields(NodeId node, const AttributeChange& change);

  // ext_flags.cc
  Outcome<void> before_folding(const Inode& inode);

  // ext_names.cc
  // These two pause if they are given the operation: see OpenDirectory.
  Outcome<Entry> find_entry(const Inode& directory, std::string_view name,
                            Volume::Operation* pausing = nullptr);
  Outcome<bool> is_empty(const Inode& directory, Volume::Operation* pausing = nullptr);
  Outcome<void> add_entry(const Inode& directory, std::string_view name, Entry entry);
  Outcome<void> remove_entry(const Inode& directory, std::string_view name);
  Outcome<void> replace_entry(const Inode& directory, std::string_view name, Entry entry);
  Outcome<void> repoint_entry(const Inode& directory, std::string_view name, Entry entry);
  Outcome<void> leave_inline(const Inode& directory);
  Outcome<Inode> named_inode(const Inode& directory, const Entry& entry);
  Outcome<void> require_absent(const Inode& directory, std::string_view name);
  Outcome<Inode> add_inode(const Inode& parent, const NewNode& node);
  Outcome<void> undo_inode(const Inode& inode);
  Outcome<Attributes> make_node_once(NodeId parent, std::string_view name, const NewNode& node);
  Outcome<Attributes> make_link_once(NodeId parent, std::string_view name, std::string_view target,
                                     Caller caller);
  Outcome<void> write_target(const Inode& inode, std::string_view target);
  void add_subdirectory(const Inode& parent) const;
  void remove_subdirectory(const Inode& parent) const;
  Outcome<void> drop_link(const Inode& inode);
  Outcome<void> delete_inode(const Inode& inode);
  Outcome<void> remove_directory_once(NodeId parent, std::string_view name);
  using Whiteout = std::optional<Caller>;  // of whom; none unless one is wanted
  Outcome<void> rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                            std::string_view new_name, unsigned flags, Whiteout wanted);
  Outcome<void> rename_over(const Inode& to, std::string_view new_name, const Entry& found,
                            const Inode& moved);
  Outcome<void> link_unnamed(const Inode& directory, std::string_view name, const Inode& inode);
  Outcome<void> displace(const Inode& moved, const Inode& displaced);
  Outcome<void> exchange(const Inode& old_parent, std::string_view name, const Inode& new_parent,
                         std::string_view new_name, const Inode& a, const Inode& b);
  Outcome<void> move_parent(const Inode& directory, const Inode& from, const Inode& to);

  // ext_order.cc
  [[nodiscard]] std::uint32_t links_of(const Inode& inode) const;
  Outcome<std::uint64_t> block_of(const Inode& directory, std::string_view name);
  Outcome<void> name_arrived(const Inode& directory, std::string_view name, const Inode& named);
  // What is to become of the old name: nothing, or it leads to a whiteout.
  using Instead = std::optional<Entry>;
  Outcome<void> remove_last(const Inode& directory, std::string_view name,
                            const Instead& instead = {});
  Outcome<void> leave_entry(const Inode& directory, std::string_view name, const Instead& instead);
  Outcome<void> leave_old_name(const Inode& from, std::string_view name, const Inode& to,
                               std::string_view new_name, const Inode& moved,
                               const Instead& instead);
  Outcome<void> before_removal(const Inode& directory);
  Outcome<void> before_replacing(const Inode& displaced);
  Outcome<void> exchange_names(const Inode& old_parent, std::string_view name,
                               const Inode& new_parent, std::string_view new_name, const Inode& a,
                               const Inode& b);
  void forget_later(const Inode& inode);
  void names_gone(std::span<const std::uint32_t> numbers);
  void give_up(const Inode& inode);
  void forget_unlinked();

  // ext_data.cc
  [[nodiscard]] std::uint64_t largest_file(const Inode& inode) const;
  Outcome<Segments> mapped_segments(InodeBlocks& blocks, std::uint64_t first, std::uint64_t end);
  Outcome<Segments> plan_write(InodeBlocks& blocks, std::uint64_t first, std::uint64_t end);
  void cancel(const Segments& segments);
  Outcome<void> write_segments(const Segments& segments, std::uint64_t offset,
                               std::span<const std::byte> from);
  Outcome<void> adopt_segments(InodeBlocks& blocks, const Segments& segments);
  Outcome<Written> write_once(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                              const WriteOptions& options);
  Outcome<bool> overwrite(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                          const WriteOptions& options);
  Outcome<void> extend(NodeId node, std::uint64_t offset, std::span<const std::byte> from,
                       const WriteOptions& options);
  Outcome<void> after_write(NodeId node, std::uint64_t end, const WriteOptions& options);
  Outcome<void> zero_range(const Inode& inode, std::uint64_t offset, std::uint64_t end);
  Outcome<bool> seek_turn(InodeBlocks& blocks, Work& work, std::uint64_t& at, std::uint64_t end,
                          int whence);

  // ext_allocate.cc
  Outcome<void> truncate(NodeId node, std::uint64_t size);
  Outcome<void> shrink(const Inode& inode, std::uint64_t size);
  Outcome<bool> shed(const Inode& inode);
  Outcome<void> replace_tail(InodeBlocks& blocks, std::uint64_t size);
  Outcome<void> punch(const Inode& inode, std::uint64_t offset, std::uint64_t end);
  Outcome<void> zero_head(const Inode& inode, std::uint64_t logical, std::uint64_t count);
  Outcome<void> preallocate(const Inode& inode, std::uint64_t first, std::uint64_t end);
  Outcome<void> zero(const Inode& inode, std::uint64_t offset, std::uint64_t end);

  // ext_inline.cc
  Outcome<std::vector<std::byte>> inline_bytes(const Inode& inode);
  Outcome<std::vector<std::byte>> inline_content(const Inode& inode);
  Outcome<Entry> find_inline_entry(const Inode& directory, std::string_view name);
  Outcome<bool> is_inline_empty(const Inode& directory);
  Outcome<void> list_inline(const Inode& directory, std::uint64_t cookie, ListVisitor visit);
  Outcome<void> unfold_file(const Inode& inode);
  Outcome<BlockRange> reserve_unfolded(const Inode& inode, std::vector<std::byte>& content);
  Outcome<void> drop_inline_data(const Inode& inode);
  Outcome<void> require_blocks_for_unfolding();
  Outcome<void> unfold_directory(const Inode& inode);

  // ext_xattrs.cc
  Outcome<AttributeSet> load_attributes(const Inode& inode);
  Outcome<void> store_attributes(const Inode& inode, const AttributeSet& attributes);
  Outcome<void> release_attribute_block(const Inode& inode);
  Outcome<void> inherit_acl(const Inode& parent, const Inode& child, mode_t wanted, mode_t umask);
  Outcome<void> adapt_acl_to_mode(const Inode& inode);
  Outcome<void> set_acl(const Inode& inode, AttributeSet& attributes, std::string_view name,
                        std::span<const std::byte> value);

  Volume& volume_;
  DriverOptions options_;
  NodeLocks locks_;
  // Made without a name, and may still get one. Guarded by the volume's lock.
  std::unordered_set<std::uint32_t> unnamed_;
  std::uint64_t overhead_ = 0;
};

template <typename Attempt>
auto ExtDriver::with_space(Attempt attempt) -> decltype(attempt()) {
  if (volume_.many_sealed()) (void)volume_.commit();  // after a failure the attempt says no
  // Without a journal one commit takes the name of a file away and the next one its blocks.
  constexpr int kMostCommits = 2;
  for (int commits = 0;; ++commits) {
    auto outcome = attempt();
    if (outcome || outcome.error().value != ENOSPC || commits == kMostCommits) return outcome;
    {
      const Volume::Operation operation(volume_);
      if (!volume_.space_pending()) return outcome;
    }
    if (const auto committed = volume_.commit(); !committed)
      return std::unexpected(committed.error());
  }
}

}  // namespace airlock::ext
