// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contained/fat/entry_set.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// A file's name in an exFAT directory and where its set of entries is.
struct ExfatName {
  std::uint32_t index = 0;  // of the first entry
  std::vector<std::uint64_t>
      positions;  // of all entries, in bytes from the beginning of the medium
  std::u16string name;
  FileInfo info;
  [[nodiscard]] std::uint64_t position() const { return positions.front(); }
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(positions.size()); }
};

// Whether what a set says of a file can be true on this volume.
[[nodiscard]] bool is_possible(const FileInfo& info, const Geometry& geometry);
// The clusters it names.
[[nodiscard]] ClusterChain chain_of(const FileInfo& info, const Geometry& geometry);

// One exFAT directory: its entries and, in memory, which of them are free and under which names to
// look. All of it is read once, when the directory is first needed. Sets that are damaged or have
// parts nobody here knows are not shown and never overwritten. Used under the volume's lock.
class ExfatDirectory {
 public:
  // `size` in bytes; nothing for the root, which has what its clusters have.
  static Outcome<std::unique_ptr<ExfatDirectory>> load(Volume& volume, const UpcaseTable& table,
                                                       const ClusterChain& chain,
                                                       std::optional<std::uint64_t> size);

  // Regardless of case; one that is spelled exactly so goes first.
  Outcome<std::optional<ExfatName>> find(std::u16string_view name);
  // The first file or directory at or behind an entry.
  Outcome<std::optional<ExfatName>> next(std::uint32_t index);
  // Nothing is in use, be it understood or not.
  [[nodiscard]] bool is_empty() const;
  // It has entries that may change the meaning of all others.
  [[nodiscard]] bool is_untouchable() const { return untouchable_; }

  // Where a set could go, inside one block; nothing where the directory has to grow().
  // kCommitFirst.
  struct Place {
    std::uint32_t index = 0;
    std::uint64_t block = 0;
  };
  Outcome<std::optional<Place>> find_place(std::size_t count);
  Outcome<ExfatName> add(const Place& place, EntrySet set);
  Outcome<EntrySet> set_of(const ExfatName& name);
  // Requires the orders a removal needs; nothing is changed. Then removes.
  Outcome<void> prepare_removal(const ExfatName& name);
  Outcome<void> remove(const ExfatName& name);

  // A cluster of zeroes was put at its end. `own_block` has the directory's own entry and gets to
  // the medium before what is now put there; nothing for the root.
  [[nodiscard]] bool can_grow() const;
  void grown(const ClusterRun& run, std::optional<std::uint64_t> own_block);

  [[nodiscard]] std::uint32_t entry_count() const { return capacity_; }
  [[nodiscard]] std::size_t name_count() const { return names_.size(); }

 private:
  ExfatDirectory(Volume& volume, const UpcaseTable& table, const ClusterChain& chain)
      : volume_(volume), table_(table), chain_(chain) {}
  Outcome<void> measure(std::optional<std::uint64_t> size);
  Outcome<void> read_all();
  Outcome<std::uint64_t> position_of(std::uint32_t index);
  Outcome<std::span<std::byte>> entry(std::uint64_t position);
  Outcome<std::uint64_t> block_of(std::uint32_t index);
  Outcome<std::optional<ExfatName>> name_at(std::uint32_t index);
  [[nodiscard]] std::optional<std::uint32_t> free_run(std::size_t count) const;
  Outcome<void> clear_behind(std::uint32_t index, std::uint32_t count);
  Outcome<void> mark(std::uint32_t index, std::uint8_t type);
  Outcome<void> order_growth(const Place& place);

  Volume& volume_;
  const UpcaseTable& table_;
  ClusterChain chain_;
  std::uint32_t capacity_ = 0;
  std::uint32_t end_ = 0;  // the first entry that was never used; nothing counts behind it
  bool untouchable_ = false;
  std::vector<bool> used_;
  std::unordered_multimap<std::uint32_t, std::uint32_t> names_;  // hash of the folded name → entry
  // Before these no run of so many free entries begins in one block.
  std::array<std::uint32_t, kMostInSet + 1> search_from_ = {};
  // Of this batch.
  std::uint64_t grown_in_ = 0;
  std::uint32_t grown_at_ = 0;
  std::optional<std::uint64_t> own_block_;
};

}  // namespace airlock::fat
