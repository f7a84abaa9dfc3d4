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

// The records of one directory, whatever they mean: where each is, which are free, and which to
// examine for a name. Directory and ExfatDirectory know the rest. Used under the volume's lock.
class Records {
 public:
  virtual ~Records() = default;

  // A directory is read in turns of this many records.
  static constexpr std::uint32_t kMostAtOnce = 16384;

  // The number of records there is room for.
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t name_count() const { return names_.size(); }
  [[nodiscard]] ClusterChain& chain() { return chain_; }

  Outcome<std::uint64_t> position_of(std::uint32_t index);

  // Whether the name at a record was put there in this batch, where the medium had none before.
  [[nodiscard]] bool is_added(std::uint32_t index);
  // These records have to be found on the medium before `after` is: kCommitFirst if not now. Free
  // records are about to be used.
  Outcome<void> order_seen(std::uint32_t first, std::uint32_t count, std::uint64_t after);
  // A record for a note about an existing name: in its sector, or in one that can be written before
  // it, but not in a sector in `waiting`. Nothing if there is no room.
  Outcome<std::optional<std::uint32_t>> place_for_note(std::uint32_t name,
                                                       std::span<const std::uint64_t> waiting);
  // The notes in the directory.
  Outcome<std::vector<RenameNote>> notes();
  // Takes that record; it is free again once the batch is on the medium.
  Outcome<void> keep_note(std::uint32_t index, const RenameNote& note);
  // The batch that last changed the directory; what it remembers of that is needed until then.
  [[nodiscard]] std::uint64_t changed_in() const { return batch_; }

 protected:
  // The longest run of records for a name and a note.
  static constexpr std::uint32_t kMostPerName = 22;
  static constexpr std::uint32_t kPerSector = WriteOrder::kSectorSize / kRecordSize;

  // `free_mark` is the first byte of a free record.
  Records(Volume& volume, const ClusterChain& chain, std::uint8_t free_mark)
      : volume_(volume), chain_(chain), free_mark_(free_mark) {}

  Outcome<std::span<std::byte>> record(std::uint32_t index);
  // Changes the first byte.
  Outcome<void> mark(std::uint32_t index, std::uint8_t type);

  // The sector of a record, as WriteOrder counts them.
  Outcome<std::uint64_t> sector_of_record(std::uint32_t index);

  // A run of free records inside one sector, because a sector is written at once; a longer run is
  // inside one block and begins with a sector.
  std::optional<std::uint32_t> free_run(std::uint32_t count);
  // The same inside the sector that has all records of a name that may be overwritten.
  std::optional<std::uint32_t> free_run_around(std::uint32_t first, std::uint32_t own,
                                               std::uint32_t count);
  void mark_used(std::uint32_t first, std::uint32_t count);
  void mark_free(std::uint32_t first, std::uint32_t count);
  // Behind the end there may be anything. Where the end is about to move to, the medium has to show
  // an end before that place can be read: kCommitFirst until it does.
  Outcome<void> clear_behind(std::uint32_t first, std::uint32_t count);
  // Requires the write orders for moving the end there; changes nothing.
  Outcome<void> prepare_end(std::uint32_t first, std::uint32_t count);
  // Moves the end behind this run; the records passed over become free.
  Outcome<void> move_end(std::uint32_t first, std::uint32_t count);
  // Clusters were added at the end.
  void add_capacity(std::uint32_t clusters);
  // If the medium still has this name elsewhere in the directory, that one goes before this one
  // appears.
  Outcome<void> order_reused(std::u16string_view folded, std::uint32_t index);
  // The medium has no name there until this batch is written.
  void note_added(std::uint32_t index);
  [[nodiscard]] bool has_note(std::uint32_t index) const;
  // Orders a note before the name it is about; nothing if that is impossible.
  Outcome<std::optional<std::uint32_t>> order_note(std::uint32_t note, std::uint32_t name,
                                                   std::span<const std::uint64_t> waiting);

  // Names are kept in folded form; several may lead to one record.
  void remember(std::u16string_view folded, std::uint32_t index);
  void forget(std::u16string_view folded, std::uint32_t index);
  // The records it may be in. If there may be more, EUCLEAN after trying all of these: see
  // NameIndex.
  [[nodiscard]] std::vector<std::uint32_t> remembered(std::u16string_view folded) const {
    return names_.places(NameIndex::hash_of(folded));
  }

  Volume& volume_;
  ClusterChain chain_;  // empty: the root of FAT12 and FAT16
  std::uint8_t free_mark_;
  std::uint32_t capacity_ = 0;
  std::uint32_t end_ = 0;  // the first never used; records behind it mean nothing
  std::vector<bool> used_;

 private:
  void begin_batch();
  Outcome<bool> can_take_note(std::uint32_t index);

  NameIndex names_;
  // Before this record, no run of that many free records begins in one block.
  std::array<std::uint32_t, kMostPerName + 1> search_from_ = {};

  // About the batch that last changed the directory.
  std::uint64_t batch_ = 0;
  std::uint32_t end_before_ = 0;            // the end on the medium until the batch is written
  std::optional<std::uint64_t> end_point_;  // after all sectors that the end moved through
  std::vector<bool> added_;
  std::vector<std::uint32_t> all_added_;
  std::vector<std::uint32_t> notes_;
  std::unordered_multimap<std::uint32_t, std::uint32_t> removed_;  // by hash
};

// Whether the name can be part of a path.
[[nodiscard]] bool is_showable(std::u16string_view name);

}  // namespace airlock::fat
