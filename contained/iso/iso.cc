// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/iso.h"

#include <sys/stat.h>

#include <cerrno>

#include "contained/iso/descriptors.h"
#include "contained/iso/file_sections.h"
#include "contained/iso/names.h"
#include "contained/iso/rock_ridge.h"
#include "contained/iso/zisofs.h"
#include "contained/runtime/name_places.h"

namespace airlock::iso {
namespace {

constexpr mode_t kPlainFile = S_IFREG | 0444, kPlainDirectory = S_IFDIR | 0555;
constexpr mode_t kPermissions = 07777;

// How to read the names of one tree.
struct NameRules {
  bool is_joliet = false;
  std::optional<RockRidgeMarks> rock_ridge;
};

bool is_file_type(mode_t type) {
  return type == S_IFREG || type == S_IFLNK || type == S_IFCHR || type == S_IFBLK ||
         type == S_IFIFO || type == S_IFSOCK;
}

// The number of a file is the offset of its first record. That of a directory is where it begins,
// which is the offset of its own record ".", however one gets there. A position is an offset from
// where the directory begins.
class Iso final : public ReadOnlyFormat {
 public:
  Iso(const MediumReader& medium, const Tree& tree, NameRules rules)
      : ReadOnlyFormat({.root = tree.root, .size = tree.size, .block_size = tree.block_size}),
        medium_(medium),
        rules_(rules) {}

  Outcome<NodeInfo> info(NodeId node) const override {
    TRY(const DirectoryRecord record, record_of(node));
    NodeInfo info = {.mode = kPlainDirectory, .size = record.size(), .modified = record.recorded()};
    if (!record.is_directory()) {
      TRY(const FileSections sections, sections_of(node, record));
      info.mode = kPlainFile;
      info.size = sections.size();
    }
    if (rules_.rock_ridge) {
      TRY(const RockRidge rock, rock_ridge_of(node, record));
      TRY_VOID(apply(rock, record, info));
    }
    return info;
  }

  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                  std::uint64_t position) const override {
    TRY(const DirectoryRecord own, record_of(directory));
    if (!own.is_directory()) return refuse(EIO);
    if (position >= own.size()) return std::nullopt;
    const RecordArea area = {.begin = directory, .size = own.size()};
    TRY(const auto found, record_in(medium_, volume().block_size, area, position));
    // An entry without a name is left out.
    if (!found) return DirectoryEntry{.next = next_sector(position)};
    TRY(const std::uint64_t next,
        behind_sections(medium_, volume().block_size, area, position, *found));
    const DirectoryEntry entry = entry_of(*found, directory + position, next);
    if (!entry.name.empty()) places_.remember(directory, entry.name, position);
    return entry;
  }

  Outcome<std::uint64_t> position_near(NodeId directory, std::string_view name) const override {
    const auto position = places_.find(directory, name);
    if (!position) return 0;
    const auto entry = entry_at(directory, *position);
    return entry && *entry && (*entry)->name == name ? *position : 0;
  }

  Outcome<void> read(NodeId node, std::uint64_t offset, std::span<std::byte> into) const override {
    TRY(const DirectoryRecord record, record_of(node));
    TRY(const FileSections sections, sections_of(node, record));
    if (rules_.rock_ridge) {
      TRY(const RockRidge rock, rock_ridge_of(node, record));
      if (rock.compression)
        return read_compressed(medium_, sections, *rock.compression, offset, into);
    }
    return sections.read(medium_, offset, into);
  }

  Outcome<std::string> link_target(NodeId node, std::size_t) const override {
    TRY(const DirectoryRecord record, record_of(node));
    TRY(RockRidge rock, rock_ridge_of(node, record));
    return std::move(rock.target);
  }

 private:
  // Only "." says that it is a directory: that of all other records is elsewhere.
  Outcome<DirectoryRecord> record_of(NodeId node) const {
    TRY(const DirectoryRecord record, read_record(medium_, volume().block_size, node));
    if (record.is_own() != record.is_directory() || record.is_parent()) return refuse(EIO);
    return record;
  }

  Outcome<FileSections> sections_of(NodeId node, const DirectoryRecord& record) const {
    return FileSections::find(medium_, volume().block_size, node, record);
  }

  Outcome<RockRidge> rock_ridge_of(NodeId offset, const DirectoryRecord& record) const {
    const auto& marks = *rules_.rock_ridge;
    const std::size_t skip = offset == volume().root ? marks.skip_in_root : marks.skip;
    auto field = record.system_use();
    field = field.subspan(std::min(skip, field.size()));
    return read_rock_ridge(SystemUse(medium_, volume().block_size, field));
  }

  static Outcome<void> apply(const RockRidge& rock, const DirectoryRecord& record, NodeInfo& info) {
    if (rock.modified) info.modified = *rock.modified;
    if (rock.posix) {
      const mode_t type = rock.posix->mode & S_IFMT;
      if (record.is_directory() ? type != S_IFDIR : !is_file_type(type)) return refuse(EIO);
      info.mode = type | (rock.posix->mode & kPermissions);
      info.links = rock.posix->links;
      info.user = rock.posix->user;
      info.group = rock.posix->group;
    }
    if (S_ISREG(info.mode) && rock.compression) info.size = rock.compression->size;
    if (S_ISLNK(info.mode)) info.size = rock.target.size();
    if (S_ISBLK(info.mode) || S_ISCHR(info.mode)) info.device = rock.device.value_or(0);
    return {};
  }

  [[nodiscard]] DirectoryEntry entry_of(const DirectoryRecord& record, NodeId offset,
                                        std::uint64_t next) const {
    DirectoryEntry entry = {.next = next};
    if (record.is_own() || record.is_associated()) return entry;
    entry.node = record.is_directory() ? record.start() : offset;
    entry.type = record.is_directory() ? S_IFDIR : S_IFREG;
    if (record.is_parent()) {
      entry.name = "..";
    } else {
      entry.name = rules_.is_joliet ? joliet_name(record.name()) : plain_name(record.name());
    }
    if (rules_.rock_ridge) use_rock_ridge(record, offset, entry);
    return entry;
  }

  // If its fields cannot be read, the listing shows the short name, and info() refuses the file.
  void use_rock_ridge(const DirectoryRecord& record, NodeId offset, DirectoryEntry& entry) const {
    const auto rock = rock_ridge_of(offset, record);
    if (!rock) return;
    if (record.is_parent()) {
      if (rock->parent) entry.node = std::uint64_t{*rock->parent} * volume().block_size;
      return;
    }
    if (rock->name) entry.name = *rock->name;
    if (rock->is_relocated) entry.name.clear();
    if (rock->child) {
      entry.node = std::uint64_t{*rock->child} * volume().block_size;
      entry.type = S_IFDIR;
    } else if (rock->posix && !record.is_directory()) {
      entry.type = rock->posix->mode & S_IFMT;
    }
  }

  const MediumReader& medium_;
  NameRules rules_;
  mutable NamePlaces places_;
};

std::optional<RockRidgeMarks> rock_ridge_in(const MediumReader& medium, const Tree& tree) {
  const auto own = read_record(medium, tree.block_size, tree.root);
  if (!own) return std::nullopt;
  return find_rock_ridge(medium, tree.block_size, own->system_use());
}

// Some programs write the files into the second tree only.
bool has_empty_root(const MediumReader& medium, const Tree& tree) {
  const Iso iso(medium, tree, {});
  std::uint64_t position = 0;
  for (int dots = 0; dots < 2; ++dots) {
    const auto entry = iso.entry_at(tree.root, position);
    if (!entry || !*entry) return true;
    position = (*entry)->next;
  }
  const auto own = read_record(medium, tree.block_size, tree.root);
  const auto third = record_in(medium, tree.block_size,
                               {.begin = tree.root, .size = own ? own->size() : 0}, position);
  return third && !*third;
}

}  // namespace

Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium) {
  TRY(const Trees trees, read_descriptors(medium));
  const auto rock_ridge = rock_ridge_in(medium, trees.primary);
  if (trees.joliet && (!rock_ridge || has_empty_root(medium, trees.primary)))
    return std::make_unique<Iso>(medium, *trees.joliet, NameRules{.is_joliet = true});
  return std::make_unique<Iso>(medium, trees.primary, NameRules{.rock_ridge = rock_ridge});
}

}  // namespace airlock::iso
