// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>

#include <optional>
#include <string_view>

struct ext2fs_nls_table;

namespace airlock::ext {

// How names compare in a folder with EXT4_CASEFOLD_FL: "a" finds "A", and so do other spellings of
// what Unicode calls the same text. The tables are those of Unicode 12.1, the only version the
// format knows, as libext2fs has them. A name that is not UTF-8 is like no other one. Immutable,
// and the tables live as long as the program.
class NameFolding {
 public:
  // None where the volume names no encoding, or one that is unknown.
  static std::optional<NameFolding> of(const ext2_super_block& super);

  // For libext2fs, which hashes the folded name.
  [[nodiscard]] const ext2fs_nls_table* table() const { return table_; }
  [[nodiscard]] bool same(std::string_view a, std::string_view b) const;
  // Some volumes want no names there that are not UTF-8.
  [[nodiscard]] bool accepts(std::string_view name) const;

 private:
  NameFolding(const ext2fs_nls_table* table, bool strict) : table_(table), strict_(strict) {}

  const ext2fs_nls_table* table_;
  bool strict_;
};

}  // namespace airlock::ext
