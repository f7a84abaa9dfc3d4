// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "contained/ext/directory.h"
#include "contained/ext/directory_record.h"

// A directory kept inside its inode (inline_data): the parent's number and a few entries in the 60
// bytes where block numbers would be, more of them in the attribute system.data. "." and ".." are
// not written out. The bytes stay the caller's; who changes something writes the inode (and its
// checksum) afterwards. Cookies are those of Directory, so a listing survives convert_inline where
// the file system has dir_index.
namespace airlock::ext {

struct InlineBytes {
  std::span<std::byte> block;      // the 60 bytes of i_block
  std::span<std::byte> attribute;  // the value of system.data; may be empty
};

class InlineDirectory {
 public:
  // Format and report stay the caller's and must outlive this.
  InlineDirectory(const DirectoryFormat& format, CorruptionReport& report, InlineBytes bytes,
                  std::uint32_t inode, bool folded = false);

  Outcome<Entry> lookup(std::string_view name);
  // ENOSPC when it does not fit: then extend() a longer attribute, or convert_inline.
  Outcome<void> insert(std::string_view name, Entry entry);
  Outcome<void> remove(std::string_view name);
  Outcome<void> replace(std::string_view name, Entry entry);
  Outcome<bool> empty();
  // An empty directory, in both halves.
  Outcome<void> initialize(std::uint32_t parent);
  // The attribute became longer than this: the rest becomes room for entries.
  Outcome<void> extend(std::size_t old_attribute_size);
  Outcome<void> list(std::uint64_t cookie, ListVisitor visit);

  Outcome<std::uint32_t> parent();

 private:
  static constexpr std::size_t kHalves = 2;
  struct Place {
    std::span<std::byte> records;
    RecordSearch search;
  };
  std::span<std::byte> half(std::size_t number) const;
  Outcome<Place> locate(std::string_view name);
  RecordFormat record_format() const;
  Outcome<std::vector<ListedEntry>> entries();
  std::unexpected<Errno> broken(std::string_view what) const;

  const DirectoryFormat& format_;
  CorruptionReport& report_;
  InlineBytes bytes_;
  std::uint32_t inode_;
  const NameFolding* folding_;
};

// Moves everything into a directory that has no blocks yet. The bytes of `from` must be a copy: the
// inode they were in describes blocks by now.
Outcome<void> convert_inline(InlineDirectory& from, Directory& to);

}  // namespace airlock::ext
