// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "contained/squashfs/metadata.h"

namespace airlock::squashfs {

// Extended attributes. An inode has an index of a table; the entry there says where the names and
// values are and how many. Only user.*, trusted.* and security.* can be on the medium.
class Xattrs {
 public:
  // Whether the medium has any.
  static Result<std::optional<Xattrs>> open(const MediumReader& medium, const Metadata& metadata,
                                            const Superblock& super);

  // `index` is that of the inode.
  Outcome<std::string> value(std::uint32_t index, std::string_view name) const;
  Outcome<std::string> names(std::uint32_t index) const;

 private:
  Xattrs(const Metadata& metadata, std::uint64_t list, std::uint64_t table, std::uint32_t count)
      : metadata_(&metadata), list_(list), table_(table), count_(count) {}
  struct Walk {
    MetadataCursor cursor;
    std::uint32_t left = 0;
    std::uint64_t passed = 0;
  };
  struct Found {
    std::string name;
    bool elsewhere = false;  // the value is not here, but a reference to it
  };
  Outcome<std::optional<Walk>> begin(std::uint32_t index) const;
  static Outcome<Found> next_name(Walk& walk);
  static Outcome<void> skip_value(Walk& walk);
  Outcome<std::string> read_value(Walk& walk, bool elsewhere) const;

  const Metadata* metadata_;
  std::uint64_t list_;   // of the places of the blocks of the table of indices
  std::uint64_t table_;  // of names and values
  std::uint32_t count_;
};

}  // namespace airlock::squashfs
