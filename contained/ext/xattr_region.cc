// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/xattr_region.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kEntrySize = sizeof(ext2_ext_attr_entry);
constexpr std::size_t kEndMark = 4;

std::size_t padded(std::size_t size) {
  return (size + EXT2_EXT_ATTR_ROUND) & ~std::size_t{3};
}

struct AttributeEntry {
  std::uint8_t name_size = 0;
  std::uint8_t index = 0;
  std::uint16_t offset = 0;
  std::uint32_t value_inode = 0;
  std::uint32_t value_size = 0;
};

std::optional<AttributeEntry> read_entry(std::span<const std::byte> bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < kEntrySize) return std::nullopt;
  const auto entry = bytes.subspan(at);
  using Layout = ext2_ext_attr_entry;
  return AttributeEntry{
      .name_size = *load_le<std::uint8_t>(entry, offsetof(Layout, e_name_len)),
      .index = *load_le<std::uint8_t>(entry, offsetof(Layout, e_name_index)),
      .offset = *load_le<std::uint16_t>(entry, offsetof(Layout, e_value_offs)),
      .value_inode = *load_le<std::uint32_t>(entry, offsetof(Layout, e_value_inum)),
      .value_size = *load_le<std::uint32_t>(entry, offsetof(Layout, e_value_size)),
  };
}

// An entry and its name end where the next begins; values lie behind all entries.
Outcome<Attribute> read_attribute(std::span<const std::byte> bytes, const AttributeRegion& region,
                                  const AttributeEntry& entry, std::size_t at,
                                  std::size_t entries_end) {
  Attribute attribute{
      .index = entry.index, .value_inode = entry.value_inode, .value_size = entry.value_size};
  const auto name = bytes.subspan(at + kEntrySize, entry.name_size);
  std::ranges::transform(name, std::back_inserter(attribute.name),
                         [](std::byte byte) { return std::to_integer<char>(byte); });
  if (attribute.name.find('\0') != std::string::npos) return refuse(EUCLEAN);
  if (entry.value_inode != 0 || entry.value_size == 0) return attribute;
  const std::size_t offset = region.base + entry.offset;
  if (offset < entries_end + kEndMark || offset > bytes.size()) return refuse(EUCLEAN);
  if (padded(entry.value_size) > bytes.size() - offset) return refuse(EUCLEAN);
  const auto value = bytes.subspan(offset, entry.value_size);
  attribute.value.assign(value.begin(), value.end());
  return attribute;
}

// The end mark of the entries, which all must lie in the region; nothing if it has none.
std::optional<std::size_t> find_end(std::span<const std::byte> bytes, std::size_t at) {
  while (true) {
    const auto mark = load_le<std::uint32_t>(bytes, at);
    if (!mark) return std::nullopt;
    if (*mark == 0) return at;
    const auto entry = read_entry(bytes, at);
    if (!entry) return std::nullopt;
    at += padded(kEntrySize + entry->name_size);
  }
}

std::uint32_t hash_entry(const Attribute& attribute, std::span<const std::byte> padded_value) {
  std::uint32_t hash = 0;
  for (const char c : attribute.name) hash = std::rotl(hash, 5) ^ static_cast<unsigned char>(c);
  for (std::size_t at = 0; at < padded_value.size(); at += 4)
    hash = std::rotl(hash, 16) ^ load_le<std::uint32_t>(padded_value, at).value_or(0);
  return hash;
}

}  // namespace

AttributeRegion AttributeRegion::of_inode(std::size_t size) {
  constexpr std::size_t kMagicSize = 4;
  return {.header = kMagicSize, .base = kMagicSize, .size = size & ~std::size_t{3}};
}
AttributeRegion AttributeRegion::of_block(std::size_t size) {
  return {.header = sizeof(ext2_ext_attr_header), .base = 0, .size = size};
}

std::size_t attribute_space(const Attribute& attribute) {
  const std::size_t value = attribute.value_inode != 0 ? 0 : attribute.value.size();
  return padded(kEntrySize + attribute.name.size()) + padded(value);
}

std::size_t region_space(const AttributeRegion& region) {
  const std::size_t taken = region.header + kEndMark;
  return region.size > taken ? region.size - taken : 0;
}

Outcome<void> parse_region(std::span<const std::byte> bytes, const AttributeRegion& region,
                           Attribute::Place place, std::vector<Attribute>& attributes) {
  bytes = bytes.first(region.size);
  const auto end = find_end(bytes, region.header);
  if (!end) return refuse(EUCLEAN);
  // Values that lie in each other could be a thousand times as much as the block.
  std::size_t values = 0;
  for (std::size_t at = region.header; at < *end;) {
    const AttributeEntry entry = *read_entry(bytes, at);
    // Stored again, one without a value would look like the mark at the end.
    if (entry.name_size == 0 && entry.index == 0) return refuse(EUCLEAN);
    TRY(Attribute attribute, read_attribute(bytes, region, entry, at, *end));
    values += attribute.value.size();
    if (values > bytes.size()) return refuse(EUCLEAN);
    attribute.place = place;
    attributes.push_back(std::move(attribute));
    at += padded(kEntrySize + entry.name_size);
  }
  return {};
}

std::uint32_t write_region(std::span<std::byte> bytes, const AttributeRegion& region,
                           std::span<const Attribute* const> attributes, EntryHashes hashes) {
  std::ranges::fill(bytes.subspan(region.header), std::byte{0});
  std::size_t at = region.header;
  std::size_t end = region.size;
  std::uint32_t hash = 0;
  bool hashed = true;
  for (const Attribute* attribute : attributes) {
    const std::size_t size = padded(attribute->value.size());
    end -= size;
    std::ranges::copy(attribute->value, bytes.subspan(end).begin());
    const auto offset = static_cast<std::uint16_t>(size == 0 ? 0 : end - region.base);
    const std::uint32_t entry_hash =
        hashes == EntryHashes::kFill ? hash_entry(*attribute, bytes.subspan(end, size)) : 0;
    const auto entry = bytes.subspan(at);
    using Layout = ext2_ext_attr_entry;
    const auto name_size = static_cast<std::uint8_t>(attribute->name.size());
    const auto value_size = static_cast<std::uint32_t>(attribute->value.size());
    (void)store_le<std::uint8_t>(entry, offsetof(Layout, e_name_len), name_size);
    (void)store_le<std::uint8_t>(entry, offsetof(Layout, e_name_index), attribute->index);
    (void)store_le<std::uint16_t>(entry, offsetof(Layout, e_value_offs), offset);
    (void)store_le<std::uint32_t>(entry, offsetof(Layout, e_value_size), value_size);
    (void)store_le<std::uint32_t>(entry, offsetof(Layout, e_hash), entry_hash);
    std::ranges::transform(attribute->name, entry.subspan(kEntrySize).begin(),
                           [](char c) { return static_cast<std::byte>(c); });
    at += padded(kEntrySize + name_size);
    // One entry without a hash makes the whole block have none, so that nobody shares it.
    hashed = hashed && entry_hash != 0;
    hash = std::rotl(hash, 16) ^ entry_hash;
  }
  return hashed ? hash : 0;
}

}  // namespace airlock::ext
