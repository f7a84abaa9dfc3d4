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

// A name in a directory and its place.
struct Entry {
  std::uint32_t slot = 0;        // of the short name, which has all other fields
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

  // The directory that begins in a cluster, or with 0 the root of FAT12 and FAT16. EUCLEAN for a
  // cluster that cannot hold one.
  static Outcome<std::unique_ptr<Directory>> load(Volume& volume, std::uint32_t cluster,
                                                  const CodePage& page);
  // The same without reading it: call only read_some() until it reports the end.
  static Outcome<std::unique_ptr<Directory>> begin(Volume& volume, std::uint32_t cluster,
                                                   const CodePage& page);
  Outcome<bool> read_some(std::uint32_t slots);

  // By long or short name, ignoring case; an exact match is preferred.
  Outcome<std::optional<Entry>> find(std::u16string_view name);
  // The first file or directory at or behind a slot, without the dots.
  Outcome<std::optional<Entry>> next(std::uint32_t slot);
  Outcome<bool> is_empty();

  // A place for a name: ENOSPC if there is none, kCommitFirst. The directory may have grown.
  struct Place {
    std::uint32_t first_slot = 0;
    std::uint32_t count = 0;
    std::uint64_t sector = 0;           // the one the short name will be in
    NewName name;                       // with the short name it gets
    bool in_place = false;              // within one sector, where the file's old name was
    bool fresh = true;                  // the medium has no name of the file there
    std::optional<std::uint32_t> note;  // a free record in the same sector
    [[nodiscard]] std::uint32_t last_slot() const { return first_slot + count - 1; }
  };
  // Requirements for the place of a name that replaces another.
  struct Wish {
    const Entry* own = nullptr;              // in the same directory
    std::span<const std::uint64_t> waiting;  // sectors that wait for the new name, so has a note
  };
  Outcome<Place> find_place(const NewName& name, const Wish& wish);
  // Adds one cluster. ENOSPC.
  Outcome<void> grow();
  // Puts the name there. The caller fills in the other fields of the slot.
  Outcome<Entry> add(const Place& place);
  // A fingerprint that stays the same while the file lives, for a RenameNote.
  Outcome<std::uint32_t> print_of(std::uint32_t slot);
  // The sectors of the name.
  Outcome<std::vector<std::uint64_t>> sectors_of(const Entry& entry);
  // Requires the write orders for a removal; changes nothing. remove() then removes.
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
