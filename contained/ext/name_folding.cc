// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/name_folding.h"

#include <algorithm>
#include <string>

#include "contained/ext/libext2fs.h"

namespace airlock::ext {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char folded_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::optional<NameFolding> NameFolding::of(const ext2_super_block& super) {
  if (super.s_encoding != EXT4_ENC_UTF8_12_1) return std::nullopt;
  const ext2fs_nls_table* table = ext2fs_load_nls_table(EXT4_ENC_UTF8_12_1);
  if (table == nullptr) return std::nullopt;
  return NameFolding(table, (super.s_encoding_flags & EXT4_ENC_STRICT_MODE_FL) != 0);
}

bool NameFolding::same(std::string_view a, std::string_view b) const {
  if (a == b) return true;
  // Nearly all names, and of those nearly all are told apart by their first letter or their length.
  if (is_ascii(a) && is_ascii(b)) return std::ranges::equal(a, b, {}, folded_ascii, folded_ascii);
  return ext2fs_casefold_cmp(table_, bytes_of(a), a.size(), bytes_of(b), b.size()) == 0;
}

bool NameFolding::accepts(std::string_view name) const {
  if (!strict_) return true;
  std::string copy(name);  // libext2fs wants to point into it
  char* position = nullptr;
  return ext2fs_check_encoded_name(table_, copy.data(), copy.size(), &position) == 0;
}

}  // namespace airlock::ext
