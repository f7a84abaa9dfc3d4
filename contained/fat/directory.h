// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contained/fat/names.h"
#include "contained/fat/records.h"
#include "contained/fat/slot.h"

namespace airlock::fat {

// A name in a directory and where it is.
struct Entry {
  std::uint32_t slot = 0;        // of the short name, which has all the rest
  std::uint32_t first_slot = 0;  // of the long name, if there is one
  std::uint64_t position = 0;    // of the slot, in bytes from the beginning of the medium
  std::u16string name;           // as it is shown
  ShortName short_name = {};
};

// One directory of FAT. All of it is read, in turns, when it is first needed. Used under the
// volume's lock.
class Directory final : public Records {
 public:
  // A directory has at most this many slots, whatever the size of its clusters.
  static constexpr std::uint32_t kMostSlots = 65536;

  // The directory that begins in a cluster, or with 0 the root of FAT12 and FAT16. EUCLEAN for
  // what can be none.
  static Outcome<std::unique_ptr<Directory>> load(Volume& volume, std::uint32_t cluster,
                                                  const CodePage& page);
  // The same without having read it: only read_some() may follow, until it says that it was all.
  static Outcome<std::unique_ptr<Directory>> begin(Volume& volume, std::uint32_t cluster,
                                                   const CodePage& page);
  Outcome<bool> read_some(std::uint32_t slots);

  // By long or short name, regardless of case; one that is spelled exactly so goes first.
  Outcome<std::optional<Entry>> find(std::u16string_view name);
  // The first file or directory at or behind a slot; dots are left out.
  Outcome<std::optional<Entry>> next(std::uint32_t slot);
  Outcome<bool> is_empty();

  // Where a name could go: ENOSPC if nowhere, kCommitFirst. The directory may have grown.
  struct Place {
    std::uint32_t first_slot = 0;
    std::uint32_t count = 0;
    std::uint64_t sector = 0;           // the one the short name will be in
    NewName name;                       // with the short name it gets
    bool in_place = false;              // where another name of it was, in one sector
    bool fresh = true;                  // the medium has no name of the file there
    std::optional<std::uint32_t> note;  // a free record in the same sector
    [[nodiscard]] std::uint32_t last_slot() const { return first_slot + count - 1; }
  };
  // What a name that takes the place of another wants.
  struct Wish {
    const Entry* own = nullptr;              // in the same directory
    std::span<const std::uint64_t> waiting;  // sectors that wait for the new name, so has a note
  };
  Outcome<Place> find_place(const NewName& name, const Wish& wish);
  // One cluster more. ENOSPC.
  Outcome<void> grow();
  // Puts the name there. What the slot says of the file is the caller's to fill in.
  Outcome<Entry> add(const Place& place);
  // What does not change of it while the file lives, for a RenameNote.
  Outcome<std::uint32_t> print_of(std::uint32_t slot);
  // The sectors that have it.
  Outcome<std::vector<std::uint64_t>> sectors_of(const Entry& entry);
  // Requires the orders a removal needs; nothing is changed. Then removes.
  Outcome<void> prepare_removal(const Entry& entry);
  Outcome<void> remove(const Entry& entry);

  Outcome<Slot> slot(std::uint32_t index);

 private:
  Directory(Volume& volume, const ClusterChain& chain, const CodePage& page);
  Outcome<void> measure();
  Outcome<Entry> entry_at(std::uint32_t index);
  Outcome<std::u16string> long_name(std::uint32_t index, std::uint8_t checksum,
                                    std::uint32_t& first);
  void remember(const Entry& entry);
  void forget(const Entry& entry);
  [[nodiscard]] std::u16string folded_short_name(const ShortName& name) const;
  Outcome<bool> has_short_name(const ShortName& name);
  Outcome<ShortName> pick_short_name(const NewName& name);

  [[nodiscard]] std::optional<std::uint32_t> free_run_anywhere(std::uint32_t count) const;
  Outcome<std::uint32_t> make_room(std::uint32_t count);
  Outcome<void> make_room_for(Place& place, const Wish& wish);
  Outcome<void> order_addition(const Place& place, const Wish& wish);

  const CodePage& page_;
};

}  // namespace airlock::fat
