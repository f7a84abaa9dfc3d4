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

#include "contained/fat/names.h"
#include "contained/fat/slot.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// A name in a directory and where it is.
struct Entry {
  std::uint32_t slot = 0;        // of the short name, which has all the rest
  std::uint32_t first_slot = 0;  // of the long name, if there is one
  std::uint64_t position = 0;    // of the slot, in bytes from the beginning of the medium
  std::u16string name;           // as it is shown
  ShortName short_name = {};
};

// One directory: its slots and, in memory, which of them are free and under which names to look.
// All of it is read once, when the directory is first needed. Used under the volume's lock.
class Directory {
 public:
  // A directory has at most this many slots, whatever the size of its clusters.
  static constexpr std::uint32_t kMostSlots = 65536;

  // The directory that begins in a cluster, or with 0 the root of FAT12 and FAT16. EUCLEAN for
  // what can be none.
  static Outcome<std::unique_ptr<Directory>> load(Volume& volume, std::uint32_t cluster,
                                                  const CodePage& page);
  // One whose clusters have just been cleared.
  static std::unique_ptr<Directory> make(Volume& volume, const ClusterChain& chain,
                                         const CodePage& page);

  // By long or short name, regardless of case; one that is spelled exactly so goes first.
  Outcome<std::optional<Entry>> find(std::u16string_view name);
  // The first file or directory at or behind a slot; dots are left out.
  Outcome<std::optional<Entry>> next(std::uint32_t slot);
  Outcome<bool> is_empty();

  // Where a name could go: ENOSPC if nowhere, kCommitFirst. The directory may have grown.
  struct Place {
    std::uint32_t first_slot = 0;
    std::uint32_t count = 0;
    std::uint64_t block = 0;  // the one the short name will be in
    NewName name;             // with the short name it gets
  };
  Outcome<Place> find_place(const NewName& name);
  // Puts the name there. What the slot says of the file is the caller's to fill in.
  Outcome<Entry> add(const Place& place);
  // Requires the orders a removal needs; nothing is changed. Then removes.
  Outcome<void> prepare_removal(const Entry& entry);
  Outcome<void> remove(const Entry& entry);

  Outcome<Slot> slot(std::uint32_t index);
  Outcome<std::uint64_t> position_of(std::uint32_t index);
  [[nodiscard]] std::uint64_t block_of(std::uint64_t position) const;
  [[nodiscard]] std::uint32_t slot_count() const { return capacity_; }
  [[nodiscard]] std::size_t name_count() const { return names_.size(); }
  [[nodiscard]] ClusterChain& chain() { return chain_; }

 private:
  static constexpr std::size_t kMostPerName = kMostNameSlots + 1;

  Directory(Volume& volume, const ClusterChain& chain, const CodePage& page);
  Outcome<void> measure();
  Outcome<void> read_all();
  Outcome<Entry> entry_at(std::uint32_t index);
  Outcome<std::u16string> long_name(std::uint32_t index, std::uint8_t checksum,
                                    std::uint32_t& first);
  void remember(const Entry& entry);
  void forget(const Entry& entry);
  Outcome<bool> has_short_name(const ShortName& name);
  Outcome<ShortName> pick_short_name(const NewName& name);

  enum class Span { kOneBlock, kAny };
  [[nodiscard]] std::optional<std::uint32_t> free_run(std::uint32_t count, Span span) const;
  Outcome<std::uint32_t> make_room(std::uint32_t count);
  Outcome<void> grow();
  Outcome<void> order_addition(std::uint32_t first, std::uint32_t count);
  Outcome<void> clear_behind(std::uint32_t first, std::uint32_t count);
  Outcome<void> move_end(std::uint32_t first, std::uint32_t count);
  void mark_used(std::uint32_t first, std::uint32_t count);
  void mark_free(std::uint32_t first, std::uint32_t count);
  Outcome<void> mark(std::uint32_t index, std::uint8_t mark);
  void changed(std::uint64_t position);
  Outcome<std::uint64_t> block_of_slot(std::uint32_t index);

  Volume& volume_;
  const CodePage& page_;
  ClusterChain chain_;  // empty: the root of FAT12 and FAT16
  std::uint32_t capacity_ = 0;
  std::uint32_t end_ = 0;  // the first slot that was never used; nothing counts behind it
  std::vector<bool> used_;
  std::unordered_multimap<std::uint32_t, std::uint32_t> names_;  // hash of the folded name → slot
  // Before these no run of so many free slots begins in one block.
  std::array<std::uint32_t, kMostPerName + 1> search_from_ = {};
};

}  // namespace airlock::fat
