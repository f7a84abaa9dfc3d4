// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/udf.h"

#include <sys/stat.h>

#include <cerrno>
#include <climits>

#include "contained/runtime/name_places.h"
#include "contained/udf/file_cache.h"
#include "contained/udf/file_identifier.h"
#include "contained/udf/names.h"
#include "contained/udf/partitions.h"
#include "contained/udf/tag.h"
#include "contained/udf/volume.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kRootEntry = 400;
constexpr mode_t kLinkPermissions = 0777;
// No target that a program could use takes more.
constexpr std::uint64_t kMostComponents = 8 * PATH_MAX;

// 0 for what no program sees.
mode_t file_type_of(FileType type) {
  switch (type) {
    case FileType::kDirectory:
      return S_IFDIR;
    case FileType::kUnspecified:
    case FileType::kRegular:
    case FileType::kRealTime:
      return S_IFREG;
    case FileType::kBlockDevice:
      return S_IFBLK;
    case FileType::kCharacterDevice:
      return S_IFCHR;
    case FileType::kPipe:
      return S_IFIFO;
    case FileType::kSocket:
      return S_IFSOCK;
    case FileType::kSymbolicLink:
      return S_IFLNK;
    default:
      return 0;
  }
}

// The number of a file is the place of its entry: all names of one file lead there. A
// position in a directory is an offset in its data.
NodeId node_of(Place place) {
  return (NodeId{place.partition} + 1) << 32 | place.block;
}
Outcome<Place> place_of(NodeId node) {
  const NodeId partition = (node >> 32) - 1;
  if (partition > UINT16_MAX) return refuse(EIO);
  return Place{.block = static_cast<std::uint32_t>(node),
               .partition = static_cast<std::uint16_t>(partition)};
}

class Udf final : public ReadOnlyFormat {
 public:
  Udf(Partitions partitions, Place root)
      : ReadOnlyFormat({.root = node_of(root),
                        .size = partitions.size(),
                        .block_size = partitions.block_size()}),
        partitions_(std::move(partitions)) {}

  Outcome<NodeInfo> info(NodeId node) const override {
    TRY(const auto file, file_of(node));
    const FileEntry& entry = file->entry;
    const mode_t type = file_type_of(entry.type);
    if (type == 0) return refuse(EIO);
    NodeInfo info = {.mode = type | entry.permissions,
                     .size = file->data.size(),
                     .holes = file->data.holes(),
                     .links = entry.links,
                     .user = entry.user,
                     .group = entry.group,
                     .modified = entry.modified};
    if (S_ISLNK(info.mode)) {
      TRY(const std::string target, target_in(*file));
      info.mode = S_IFLNK | kLinkPermissions;
      info.size = target.size();
    }
    if (S_ISBLK(info.mode) || S_ISCHR(info.mode)) info.device = entry.device;
    return info;
  }

  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                  std::uint64_t position) const override {
    TRY(const auto file, file_of(directory));
    if (file->entry.type != FileType::kDirectory) return refuse(EIO);
    if (position >= file->data.size()) return std::nullopt;
    TRY(FileIdentifier identifier, FileIdentifier::read(partitions_, file->data, position));
    DirectoryEntry entry = {.name = std::move(identifier.name),
                            .node = node_of(identifier.entry),
                            .type = identifier.is_directory ? mode_t{S_IFDIR} : 0,
                            .next = position + identifier.length};
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
    TRY(const auto file, file_of(node));
    return file->data.read(partitions_, offset, into);
  }

  Outcome<std::string> link_target(NodeId node, std::size_t) const override {
    TRY(const auto file, file_of(node));
    return target_in(*file);
  }

 private:
  Outcome<std::shared_ptr<const File>> file_of(NodeId node) const {
    if (auto kept = cache_.find(node)) return kept;
    TRY(const Place place, place_of(node));
    TRY(FileEntry entry, FileEntry::read(partitions_, place));
    TRY(FileData data, FileData::load(partitions_, entry));
    entry.allocated = {};
    auto file = std::make_shared<const File>(File{std::move(entry), std::move(data)});
    cache_.keep(node, file);
    return file;
  }

  // EIO for one that names another volume, or that says nothing.
  Outcome<std::string> target_in(const File& file) const {
    if (file.data.size() > kMostComponents) return refuse(EIO);
    std::vector<std::byte> components(static_cast<std::size_t>(file.data.size()));
    TRY_VOID(file.data.read(partitions_, 0, components));
    std::string target = target_of(components);
    if (target.empty()) return refuse(EIO);
    return target;
  }

  Partitions partitions_;
  mutable FileCache cache_;
  mutable NamePlaces places_;
};

Result<Place> find_root(const Partitions& partitions, Place file_set) {
  const auto block = partitions.read_block(file_set);
  if (!block || read_tag_of(file_set.block, *block) != Tag::kFileSet)
    return fail(Errc::kCorrupted, "its file set descriptor cannot be read");
  const Place root = LongExtent::decode(*block, kRootEntry).place;
  const auto entry = FileEntry::read(partitions, root);
  if (!entry || entry->type != FileType::kDirectory || !FileData::load(partitions, *entry))
    return fail(Errc::kCorrupted, "its root directory cannot be read");
  return root;
}

Result<std::unique_ptr<ReadOnlyFormat>> open_udf(const MediumReader& medium) {
  TRY(const Volume volume, read_volume(medium));
  TRY(Partitions partitions, Partitions::open(medium, volume));
  TRY(const Place root, find_root(partitions, volume.file_set));
  return std::make_unique<Udf>(std::move(partitions), root);
}

}  // namespace

Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium) {
  auto opened = open_udf(medium);
  if (opened || opened.error().code == Errc::kWrongFormat || !has_iso9660(medium)) return opened;
  Error error = std::move(opened).error();
  error.what += "; the medium has ISO 9660 too, which \"mount -t airlock.iso9660\" reads";
  return std::unexpected(std::move(error));
}

}  // namespace airlock::udf
