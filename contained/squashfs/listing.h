// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "contained/runtime/read_only_format.h"
#include "contained/squashfs/inode.h"

namespace airlock::squashfs {

// How far a walk along a listing has come.
struct ListingPlace {
  MetadataCursor cursor;
  std::uint64_t at = 0;      // of the cursor in the listing
  std::uint64_t header = 0;  // of the run, likewise
  std::uint32_t index = 0;   // which entry of the run the cursor stands at
  std::uint32_t count = 0;   // of entries in the run; 0 where the header has not been read
  std::uint32_t inode_block = 0;

  [[nodiscard]] std::uint64_t position() const { return header << 8 | index; }
};

// The entries of directories. A listing is made of runs: a header with what up to 256 entries have
// in common, and these entries, sorted by name. A position is the offset of the header in the
// listing, and which entry of its run it is.
//
// Finding a position costs a walk from the nearest entry of the directory's index. So a few places
// where walks have come to are kept: whoever goes on continues there.
class Listings {
 public:
  Listings(const Metadata& metadata, std::uint64_t table) : metadata_(metadata), table_(table) {}

  struct Entry {
    std::string name;
    std::uint64_t reference = 0;  // of its inode
    mode_t type = 0;
    std::uint64_t next = 0;
  };
  // `key` tells directories apart, the inode is the directory's.
  Outcome<std::optional<Entry>> entry_at(std::uint64_t key, const Inode& inode,
                                         std::uint64_t position) const;
  Outcome<std::uint64_t> position_near(const Inode& inode, std::string_view name) const;

 private:
  struct Kept {
    std::uint64_t key = 0;
    ListingPlace place;
  };
  Outcome<ListingPlace> find(std::uint64_t key, const Inode& inode, std::uint64_t position) const;
  Outcome<ListingPlace> nearest(const Inode& inode, std::uint64_t header) const;
  [[nodiscard]] std::optional<ListingPlace> take_kept(std::uint64_t key,
                                                      std::uint64_t position) const;
  void keep(std::uint64_t key, const ListingPlace& place) const;

  const Metadata& metadata_;
  std::uint64_t table_;
  mutable std::mutex mutex_;
  mutable std::array<std::optional<Kept>, 8> kept_;
  mutable std::size_t oldest_ = 0;
};

}  // namespace airlock::squashfs
