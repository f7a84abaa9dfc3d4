// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/squashfs.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "contained/squashfs/file_data.h"
#include "contained/squashfs/listing.h"
#include "contained/squashfs/numbers.h"
#include "contained/squashfs/xattrs.h"

namespace airlock::squashfs {
namespace {

// A file is known by the reference to its inode, after the numbers that no file may have.
constexpr NodeId kFirstNode = 2;

NodeId node_of(std::uint64_t reference) {
  return reference + kFirstNode;
}

class Squashfs final : public ReadOnlyFormat {
 public:
  Squashfs(const MediumReader& medium, const Superblock& super)
      : ReadOnlyFormat({.root = node_of(super.root),
                        .size = super.used,
                        .block_size = super.block_size,
                        .order = NameOrder::kBytes}),
        super_(super),
        benches_(super.compression),
        metadata_(medium, benches_, super.used),
        listings_(metadata_, super.directories),
        data_(medium, benches_, metadata_, super_) {}

  Result<void> load(const MediumReader& medium) {
    TRY(xattrs_, Xattrs::open(medium, metadata_, super_));
    ids_.reserve(super_.id_count);
    for (std::uint32_t i = 0; i < super_.id_count; ++i) {
      std::array<std::byte, sizeof(std::uint32_t)> id;
      if (const auto got = metadata_.read_entry(super_.ids, i, id); !got)
        return fail_errno(got.error().value, Errc::kCorrupted, "read the table of owners");
      ids_.push_back(u32(id, 0));
    }
    return {};
  }

  Outcome<NodeInfo> info(NodeId node) const override {
    TRY(const Inode inode, inode_of(node));
    if (inode.user >= ids_.size() || inode.group >= ids_.size()) return refuse(EIO);
    return NodeInfo{.mode = inode.mode,
                    .size = inode.size,
                    .holes = inode.holes,
                    .links = inode.links,
                    .device = inode.device,
                    .user = ids_[inode.user],
                    .group = ids_[inode.group],
                    .modified = {.tv_sec = inode.modified}};
  }

  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                  std::uint64_t position) const override {
    TRY(const Inode inode, directory_of(directory));
    TRY(auto entry, listings_.entry_at(directory, inode, position));
    if (!entry) return std::nullopt;
    return DirectoryEntry{.name = std::move(entry->name),
                          .node = node_of(entry->reference),
                          .type = entry->type,
                          .next = entry->next};
  }

  Outcome<std::uint64_t> position_near(NodeId directory, std::string_view name) const override {
    TRY(const Inode inode, directory_of(directory));
    return listings_.position_near(inode, name);
  }

  // A directory has the number of the one above, which only the table for exporting leads from.
  Outcome<std::optional<NodeId>> parent(NodeId directory) const override {
    TRY(const Inode inode, directory_of(directory));
    if (super_.exports == kNoTable || inode.parent == 0 || inode.parent > super_.inode_count)
      return std::nullopt;
    std::array<std::byte, sizeof(std::uint64_t)> reference;
    TRY_VOID(metadata_.read_entry(super_.exports, inode.parent - 1, reference));
    return node_of(u64(reference, 0));
  }

  Outcome<void> read(NodeId node, std::uint64_t offset, std::span<std::byte> into) const override {
    TRY(const Inode inode, inode_of(node));
    if (!S_ISREG(inode.mode)) return refuse(EIO);
    return data_.read(node, inode, offset, into);
  }

  Outcome<std::string> link_target(NodeId node, std::size_t length) const override {
    TRY(Inode inode, inode_of(node));
    std::string target(length, '\0');
    TRY_VOID(inode.rest.read(std::as_writable_bytes(std::span(target))));
    return target;
  }

  Outcome<std::string> attribute(NodeId node, std::string_view name) const override {
    if (!xattrs_) return refuse(ENOSYS);
    TRY(const Inode inode, inode_of(node));
    return xattrs_->value(inode.attributes, name);
  }

  Outcome<std::string> attribute_names(NodeId node) const override {
    if (!xattrs_) return refuse(ENOSYS);
    TRY(const Inode inode, inode_of(node));
    return xattrs_->names(inode.attributes);
  }

 private:
  Outcome<Inode> inode_of(NodeId node) const {
    if (node < kFirstNode) return refuse(EIO);
    return read_inode(metadata_, super_.inodes, node - kFirstNode);
  }
  Outcome<Inode> directory_of(NodeId node) const {
    TRY(Inode inode, inode_of(node));
    if (!S_ISDIR(inode.mode)) return refuse(EIO);
    return inode;
  }

  Superblock super_;
  Benches benches_;
  Metadata metadata_;
  Listings listings_;
  FileData data_;
  std::optional<Xattrs> xattrs_;
  std::vector<std::uint32_t> ids_;
};

}  // namespace

Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium) {
  TRY(const Superblock super, Superblock::read(medium));
  auto format = std::make_unique<Squashfs>(medium, super);
  TRY_VOID(format->load(medium));
  return format;
}

}  // namespace airlock::squashfs
