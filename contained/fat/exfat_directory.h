// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/entry_set.h"
#include "contained/fat/records.h"
#include "contained/fat/upcase_table.h"

namespace airlock::fat {

// A file's name in an exFAT directory and the place of its set of entries.
struct ExfatName {
  std::uint32_t index = 0;  // of the first entry
  // Of all entries, in bytes from the beginning of the medium.
  std::vector<std::uint64_t> positions;
  std::u16string name;
  FileInfo info;
  [[nodiscard]] std::uint64_t position() const { return positions.front(); }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(positions.size()); }
};

// Whether the fields of a set can be true on this volume.
[[nodiscard]] bool is_possible(const FileInfo& info, const Geometry& geometry);
// The clusters of the file.
[[nodiscard]] ClusterChain chain_of(const FileInfo& info, const Geometry& geometry);

// One directory of exFAT. All of it is read, in turns, when it is first needed. Sets that are
// damaged or have parts of an unknown type are not shown and never overwritten. Used under the
// volume's lock.
class ExfatDirectory final : public Records {
 public:
  // `size` in bytes; nothing for the root, which is as large as its clusters.
  static Outcome<std::unique_ptr<ExfatDirectory>> load(Volume& volume, const UpcaseTable& table,
                                                       const ClusterChain& chain,
                                                       std::optional<std::uint64_t> size);
  // The same without reading it: call only read_some() until it reports the end.
  static Outcome<std::unique_ptr<ExfatDirectory>> begin(Volume& volume, const UpcaseTable& table,
                                                        const ClusterChain& chain,
                                                        std::optional<std::uint64_t> size);
  Outcome<bool> read_some(std::uint32_t entries);

  // Ignoring case; an exact match is preferred.
  Outcome<std::optional<ExfatName>> find(std::u16string_view name);
  // The first file or directory at or behind an entry.
  Outcome<std::optional<ExfatName>> next(std::uint32_t index);
  // No entry is in use, understood or not.
  [[nodiscard]] bool is_empty() const;
  // It has entries that may change the meaning of all others.
  [[nodiscard]] bool is_untouchable() const { return untouchable_; }

  // A place for a set, inside one sector if it fits into one; nothing if the directory has to
  // grow(). kCommitFirst.
  struct Place {
    std::uint32_t index = 0;
    std::uint32_t count = 0;
    bool in_place = false;              // within one sector, where the file's old name was
    bool fresh = true;                  // the medium has no name of the file there
    std::optional<std::uint32_t> note;  // a free entry in the same sector
  };
  // Requirements for the place of a name that replaces another.
  struct Wish {
    const ExfatName* own = nullptr;          // in the same directory
    std::span<const std::uint64_t> waiting;  // sectors that wait for the new name, so has a note
  };
  Outcome<std::optional<Place>> find_place(std::u16string_view name, std::uint32_t count,
                                           const Wish& wish);
  Outcome<ExfatName> add(const Place& place, EntrySet set);
  Outcome<EntrySet> set_of(const ExfatName& name);
  // A fingerprint that stays the same while the file lives, for a RenameNote.
  Outcome<std::uint32_t> print_of(const ExfatName& name);
  // The sectors of the name.
  [[nodiscard]] std::vector<std::uint64_t> sectors_of(const ExfatName& name) const;
  // Requires the write orders for a removal; changes nothing. remove() then removes.
  Outcome<void> prepare_removal(const ExfatName& name);
  Outcome<void> remove(const ExfatName& name);

  // A cluster of zeroes was added at its end. `own_sector` holds the directory's own entry and
  // reaches the medium before anything put there now; nothing for the root.
  [[nodiscard]] bool can_grow() const;
  void grown(const ClusterRun& run, std::optional<std::uint64_t> own_sector);

 private:
  ExfatDirectory(Volume& volume, const UpcaseTable& table, const ClusterChain& chain)
      : Records(volume, chain, entry_type::kUnused), table_(table) {}
  Outcome<void> measure(std::optional<std::uint64_t> size);
  Outcome<std::optional<ExfatName>> name_at(std::uint32_t index);
  Outcome<void> order_growth(const Place& place);
  std::optional<Place> room_for(std::uint32_t count, const Wish& wish);

  const UpcaseTable& table_;
  bool untouchable_ = false;
  // Of this batch.
  std::uint64_t grown_in_ = 0;
  std::uint32_t grown_at_ = 0;
  std::optional<std::uint64_t> own_sector_;
};

}  // namespace airlock::fat
