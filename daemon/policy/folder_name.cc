// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/policy/folder_name.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace airlock {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Characters that are invisible or change how their neighbours are shown: Unicode's category Cf,
// line and paragraph separators, fillers, and code points that are not characters.
constexpr auto kInvisible = std::to_array<Range>({
    {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},   {0x061c, 0x061c},
    {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
    {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfdd0, 0xfdef},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
});

constexpr auto kSpaces = std::to_array<Range>({
    {0x20, 0x20},
    {0xa0, 0xa0},
    {0x1680, 0x1680},
    {0x2000, 0x200a},
    {0x202f, 0x202f},
    {0x205f, 0x205f},
    {0x3000, 0x3000},
});

bool within(std::span<const Range> ranges, std::uint32_t code) {
  return std::ranges::any_of(
      ranges, [&](const Range& range) { return code >= range.first && code <= range.last; });
}

struct Character {
  std::uint32_t code = 0;
  std::size_t length = 1;
  bool whole = false;
};

// The character at the start of a non-empty text; not whole: one byte of something broken.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {.code = first, .length = 1, .whole = true};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t code = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  const std::uint32_t smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {.code = code, .length = length, .whole = true};
}

bool is_space(std::string_view character) {
  return within(kSpaces, first_character(character).code);
}

// What replaces one character in the name: itself, "_", or nothing.
std::string_view shown(std::string_view text, const Character& character) {
  const std::uint32_t code = character.code;
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  if (!character.whole || control || code == '/') return "_";
  if (within(kInvisible, code)) return {};
  return text.substr(0, character.length);
}

std::string trim_end(std::string name) {
  while (!name.empty()) {
    std::size_t start = name.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(name[start]) & 0xc0) == 0x80) --start;
    if (!is_space(std::string_view(name).substr(start))) break;
    name.resize(start);
  }
  return name;
}

}  // namespace

std::string safe_folder_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::string_view piece = shown(text, character);
    text.remove_prefix(character.length);
    const bool leading = name.empty() && !piece.empty() && (piece == "." || is_space(piece));
    if (leading) continue;
    if (name.size() + piece.size() > kMostFolderBytes) break;
    name += piece;
  }
  return trim_end(std::move(name));
}

std::string folder_name_for(const Facts& facts) {
  std::string name;
  if (facts.probe) name = safe_folder_name(facts.probe->label);
  if (name.empty() && facts.probe) name = safe_folder_name(facts.probe->uuid);
  if (name.empty() && !facts.device)
    name = safe_folder_name(
        std::string_view(facts.image_name).substr(facts.image_name.rfind('/') + 1));
  return name.empty() ? "disk" : name;
}

}  // namespace airlock
