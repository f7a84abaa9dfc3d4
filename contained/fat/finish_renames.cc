// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/finish_renames.h"

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "contained/fat/directory.h"
#include "contained/fat/exfat_directory.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/rename_note.h"

namespace airlock::fat {
namespace {

// No two directories of a sound volume share a record.
std::uint64_t room_for_records(const Geometry& geometry) {
  return geometry.root_slots +
         std::uint64_t{geometry.cluster_count} * (geometry.cluster_size / kRecordSize);
}

// Walks twice: first for the notes, of which there are mostly none, then for the names in them. If
// a walk reads more records than the volume has room for, directories share clusters: it stops with
// EUCLEAN, before writing anything.
template <typename Kind>
class Finisher {
 public:
  using Directory = typename Kind::Directory;
  using Name = typename Kind::Name;

  Finisher(Volume& volume, Kind kind) : volume_(volume), kind_(kind) {}

  Outcome<std::size_t> run() {
    TRY_VOID(walk([this](Directory& directory) { return find_notes(directory); }));
    if (notes_.empty()) return 0;
    TRY_VOID(walk([this](Directory& directory) { return find_names(directory); }));
    std::size_t finished = 0;
    for (const RenameNote& note : notes_) {
      TRY(const bool done, finish(note));
      finished += done ? 1 : 0;
    }
    return finished;
  }

 private:
  // A name that a note refers to.
  struct Place {
    ClusterChain directory;
    std::optional<std::uint64_t> directory_size;
    Name name;
    std::uint32_t print;
    std::uint32_t cluster;
  };
  struct Open {
    ClusterChain chain;
    std::optional<std::uint64_t> size;
  };

  // Visits every directory once, even if it has two names. Leaves out unreadable ones for the
  // checker.
  template <typename Use>
  Outcome<void> walk(Use use) {
    const ClusterChain root(volume_.geometry().root_cluster);
    open_ = {{root, std::nullopt}};
    seen_ = {root.first()};
    std::uint64_t left = room_for_records(volume_.geometry());
    while (!open_.empty()) {
      here_ = std::move(open_.back());
      open_.pop_back();
      auto directory = kind_.load(volume_, here_.chain, here_.size);
      if (!directory && directory.error().value == EIO) return std::unexpected(directory.error());
      if (!directory) continue;
      if ((*directory)->capacity() > left) return refuse(EUCLEAN);
      left -= (*directory)->capacity();
      TRY_VOID(add_inner(**directory));
      TRY_VOID(use(**directory));
      const Volume::Operation ends(volume_);
    }
    return {};
  }

  template <typename Use>
  Outcome<void> for_each(Directory& directory, Use use) {
    std::uint32_t at = 0;
    while (true) {
      TRY(const auto name, directory.next(at));
      if (!name) return {};
      at = kind_.after(*name);
      TRY_VOID(use(*name));
    }
  }

  Outcome<void> add_inner(Directory& directory) {
    return for_each(directory, [&](const Name& name) -> Outcome<void> {
      TRY(const FileInfo info, kind_.info_of(volume_, directory, name));
      if (info.is_directory() && seen_.insert(info.first_cluster).second)
        open_.push_back({kind_.chain_of(info, volume_), info.size});
      return {};
    });
  }

  Outcome<void> find_notes(Directory& directory) {
    TRY(const auto found, directory.notes());
    for (const RenameNote& note : found) {
      notes_.push_back(note);
      wanted_.insert({note.old_position, note.new_position});
    }
    return {};
  }

  Outcome<void> find_names(Directory& directory) {
    return for_each(directory, [&](const Name& name) -> Outcome<void> {
      const std::uint64_t position = kind_.position_of(name);
      if (!wanted_.contains(position)) return {};
      TRY(const std::uint32_t print, kind_.print_of(directory, name));
      TRY(const FileInfo info, kind_.info_of(volume_, directory, name));
      names_.insert_or_assign(position,
                              Place{here_.chain, here_.size, name, print, info.first_cluster});
      return {};
    });
  }

  // Acts only if both names exist, match the note and lead to the same clusters, which is the fault
  // to repair. An empty file may keep both names: the old one may have been created again since.
  Outcome<bool> finish(const RenameNote& note) {
    const auto old_name = names_.find(note.old_position);
    const auto new_name = names_.find(note.new_position);
    if (note.old_position == note.new_position || old_name == names_.end() ||
        new_name == names_.end() || old_name->second.print != note.old_print ||
        new_name->second.print != note.new_print || old_name->second.cluster == 0 ||
        old_name->second.cluster != new_name->second.cluster)
      return false;
    Place& gone = old_name->second;
    Place& kept = new_name->second;
    TRY(auto kept_in, kind_.load(volume_, kept.directory, kept.directory_size));
    TRY_VOID(kind_.adopt(volume_, *kept_in, kept.name, kept.directory));
    TRY(auto directory, kind_.load(volume_, gone.directory, gone.directory_size));
    TRY_VOID(directory->remove(gone.name));
    names_.erase(old_name);
    TRY_VOID(volume_.commit());
    return true;
  }

  Volume& volume_;
  Kind kind_;
  Open here_{ClusterChain(0), std::nullopt};
  std::vector<Open> open_;        // directories still to be read
  std::set<std::uint32_t> seen_;  // the first cluster of every directory ever in open_
  std::vector<RenameNote> notes_;
  std::set<std::uint64_t> wanted_;
  std::map<std::uint64_t, Place> names_;
};

struct FatKindOf {
  using Directory = fat::Directory;
  using Name = Entry;

  static Outcome<std::unique_ptr<Directory>> load(Volume& volume, const ClusterChain& chain,
                                                  std::optional<std::uint64_t>) {
    return Directory::load(volume, chain.first(), CodePage::standard());
  }
  static std::uint32_t after(const Name& name) { return name.slot + 1; }
  static std::uint64_t position_of(const Name& name) { return name.position; }
  static Outcome<std::uint32_t> print_of(Directory& directory, const Name& name) {
    return directory.print_of(name.slot);
  }
  static Outcome<FileInfo> info_of(Volume& volume, Directory& directory, const Name& name) {
    TRY(const Slot slot, directory.slot(name.slot));
    return slot.info(volume.is_wide());
  }
  static ClusterChain chain_of(const FileInfo& info, const Volume&) {
    return ClusterChain(info.first_cluster);
  }

  // The ".." of a directory has to name its new parent before the old name goes.
  static Outcome<void> adopt(Volume& volume, Directory& directory, const Name& name,
                             const ClusterChain& parent) {
    TRY(const FileInfo info, info_of(volume, directory, name));
    if (!info.is_directory()) return {};
    TRY(auto moved, load(volume, ClusterChain(info.first_cluster), std::nullopt));
    TRY(const Slot dots, moved->slot(1));
    if (dots.short_name() != kDotDotName || !dots.is_directory()) return {};
    const std::uint32_t cluster = parent.first();
    dots.set_cluster(cluster == volume.geometry().root_cluster ? 0 : cluster, volume.is_wide());
    TRY(const std::uint64_t position, moved->position_of(1));
    volume.record_changed(position);
    return volume.commit();
  }
};

struct ExfatKindOf {
  using Directory = ExfatDirectory;
  using Name = ExfatName;

  Outcome<std::unique_ptr<Directory>> load(Volume& volume, const ClusterChain& chain,
                                           std::optional<std::uint64_t> size) const {
    return Directory::load(volume, *upcase, chain, size);
  }
  static std::uint32_t after(const Name& name) { return name.index + name.count(); }
  static std::uint64_t position_of(const Name& name) { return name.position(); }
  static Outcome<std::uint32_t> print_of(Directory& directory, const Name& name) {
    return directory.print_of(name);
  }
  static Outcome<FileInfo> info_of(Volume&, Directory&, const Name& name) { return name.info; }
  static ClusterChain chain_of(const FileInfo& info, const Volume& volume) {
    return fat::chain_of(info, volume.geometry());
  }
  static Outcome<void> adopt(Volume&, Directory&, const Name&, const ClusterChain&) { return {}; }

  const UpcaseTable* upcase;
};

bool is_left_open(const Volume& volume) {
  return volume.writable() && volume.was_unclean();
}

}  // namespace

Outcome<std::size_t> finish_renames(BlockIo& io) {
  const auto exfat = is_exfat(io);
  if (exfat && *exfat) {
    const auto opened = open_exfat(io, MountMode::kChecked);
    if (!opened || !is_left_open(*opened->volume)) return 0;
    return Finisher<ExfatKindOf>(*opened->volume, {&opened->upcase}).run();
  }
  const auto volume = Volume::open(io, MountMode::kChecked);
  if (!volume || !is_left_open(**volume)) return 0;
  return Finisher<FatKindOf>(**volume, {}).run();
}

}  // namespace airlock::fat
