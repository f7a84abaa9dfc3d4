// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contained/fat/name_index.h"
#include "contained/fat/rename_note.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// The records of one directory, whatever they mean: where each is, which are free, and in which to
// look for a name. Directory and ExfatDirectory know the rest. Used under the volume's lock.
class Records {
 public:
  virtual ~Records() = default;

  // A directory is read in turns of so many.
  static constexpr std::uint32_t kMostAtOnce = 16384;

  // How many there is room for.
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t name_count() const { return names_.size(); }
  [[nodiscard]] ClusterChain& chain() { return chain_; }

  Outcome<std::uint64_t> position_of(std::uint32_t index);

  // Whether the name at a record was put there in this batch, and nothing was there before.
  [[nodiscard]] bool is_added(std::uint32_t index);
  // Whoever reads the directory has to find these records before `after` is on the medium:
  // kCommitFirst if that cannot be now. Free ones are about to be used.
  Outcome<void> order_seen(std::uint32_t first, std::uint32_t count, std::uint64_t after);
  // A record for a note about a name that is there: in its sector, or in one the name's sector
  // waits for, but not in one that has to wait itself. Nothing where there is no room.
  Outcome<std::optional<std::uint32_t>> place_for_note(std::uint32_t name,
                                                       std::span<const std::uint64_t> waiting);
  // Those that are there.
  Outcome<std::vector<RenameNote>> notes();
  // Takes that record; it is free again when the batch is on the medium.
  Outcome<void> keep_note(std::uint32_t index, const RenameNote& note);
  // The batch that changed the directory last; what it knows of that is needed until it is written.
  [[nodiscard]] std::uint64_t changed_in() const { return batch_; }

 protected:
  // The longest run of records a name takes, and a note.
  static constexpr std::uint32_t kMostPerName = 22;
  static constexpr std::uint32_t kPerSector = WriteOrder::kSectorSize / kRecordSize;

  // `free_mark` is the first byte of a record that is free.
  Records(Volume& volume, const ClusterChain& chain, std::uint8_t free_mark)
      : volume_(volume), chain_(chain), free_mark_(free_mark) {}

  Outcome<std::span<std::byte>> record(std::uint32_t index);
  // Changes the first byte.
  Outcome<void> mark(std::uint32_t index, std::uint8_t type);

  // The sector a record is in, as WriteOrder counts them.
  Outcome<std::uint64_t> sector_of_record(std::uint32_t index);

  // A run of free records inside one sector, since that is written at once; inside one block and
  // from the beginning of a sector on where it is longer than that.
  std::optional<std::uint32_t> free_run(std::uint32_t count);
  // The same inside the one sector that has all of the records of a name that may be overwritten.
  std::optional<std::uint32_t> free_run_around(std::uint32_t first, std::uint32_t own,
                                               std::uint32_t count);
  void mark_used(std::uint32_t first, std::uint32_t count);
  void mark_free(std::uint32_t first, std::uint32_t count);
  // Behind the end there may be anything. Where the end is about to move to, the medium has to say
  // that it is one before anybody can look there: kCommitFirst until it does.
  Outcome<void> clear_behind(std::uint32_t first, std::uint32_t count);
  // Requires what moving the end there takes; nothing is changed.
  Outcome<void> prepare_end(std::uint32_t first, std::uint32_t count);
  // The end moves behind this run; those passed over become free.
  Outcome<void> move_end(std::uint32_t first, std::uint32_t count);
  // Clusters were put at the end.
  void add_capacity(std::uint32_t clusters);
  // A name that the medium still has elsewhere in the directory goes before it is there again.
  Outcome<void> order_reused(std::u16string_view folded, std::uint32_t index);
  // The medium has no name there before this batch is written.
  void note_added(std::uint32_t index);
  [[nodiscard]] bool has_note(std::uint32_t index) const;
  // A note is on the medium before the name it is about; nothing where it can't be.
  Outcome<std::optional<std::uint32_t>> order_note(std::uint32_t note, std::uint32_t name,
                                                   std::span<const std::uint64_t> waiting);

  // Names are remembered in folded form; several may lead to one record.
  void remember(std::u16string_view folded, std::uint32_t index);
  void forget(std::u16string_view folded, std::uint32_t index);
  // Where it may be. EUCLEAN after all of them if there may be more: see NameIndex.
  [[nodiscard]] std::vector<std::uint32_t> remembered(std::u16string_view folded) const {
    return names_.places(NameIndex::hash_of(folded));
  }

  Volume& volume_;
  ClusterChain chain_;  // empty: the root of FAT12 and FAT16
  std::uint8_t free_mark_;
  std::uint32_t capacity_ = 0;
  std::uint32_t end_ = 0;  // the first that was never used; nothing counts behind it
  std::vector<bool> used_;

 private:
  void begin_batch();
  Outcome<bool> can_take_note(std::uint32_t index);

  NameIndex names_;
  // Before these no run of so many free records begins in one block.
  std::array<std::uint32_t, kMostPerName + 1> search_from_ = {};

  // Of the batch that changed the directory last.
  std::uint64_t batch_ = 0;
  std::uint32_t end_before_ = 0;            // where the medium has the end until it is written
  std::optional<std::uint64_t> end_point_;  // once all sectors the end has moved through are there
  std::vector<bool> added_;
  std::vector<std::uint32_t> all_added_;
  std::vector<std::uint32_t> notes_;
  std::unordered_multimap<std::uint32_t, std::uint32_t> removed_;  // from hashes
};

// Whether a name survives being a part of a path.
[[nodiscard]] bool is_showable(std::u16string_view name);

}  // namespace airlock::fat
