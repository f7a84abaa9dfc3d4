// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/xattr.h"

#include <linux/limits.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "contained/ext/libext2fs.h"
#include "contained/ext/xattr_region.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint8_t kSystemIndex = 7;
constexpr std::uint32_t kMostReferences = EXT2_EXT_ATTR_REFCOUNT_MAX;
constexpr std::size_t kBlockChecksumAt = offsetof(ext2_ext_attr_header, h_checksum);

enum class Suffix { kNeeded, kNone };
struct Prefix {
  std::uint8_t index;
  std::string_view text;
  Suffix suffix;
};
// Whole names come before the prefix they begin with.
constexpr std::array kPrefixes = {
    Prefix{1, "user.", Suffix::kNeeded},
    Prefix{2, "system.posix_acl_access", Suffix::kNone},
    Prefix{3, "system.posix_acl_default", Suffix::kNone},
    Prefix{4, "trusted.", Suffix::kNeeded},
    Prefix{6, "security.", Suffix::kNeeded},
    Prefix{8, "system.richacl", Suffix::kNone},
    Prefix{kSystemIndex, "system.", Suffix::kNeeded},
};

struct ShortName {
  std::uint8_t index;
  std::string_view name;
};

std::optional<ShortName> shorten(std::string_view name) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.suffix == Suffix::kNone ? name == prefix.text : name.starts_with(prefix.text))
      return ShortName{prefix.index, name.substr(prefix.text.size())};
  }
  return std::nullopt;
}

// Nothing for what we cannot name.
std::string full_name(const Attribute& attribute) {
  for (const Prefix& prefix : kPrefixes) {
    const bool fits = (prefix.suffix == Suffix::kNone) == attribute.name.empty();
    if (prefix.index == attribute.index && fits) return std::string(prefix.text) + attribute.name;
  }
  return {};
}

bool is_inline_data(const Attribute& attribute) {
  return attribute.index == kSystemIndex && attribute.name == "data";
}

auto find_short(auto& attributes, const ShortName& name) {
  return std::ranges::find_if(attributes, [&](const Attribute& attribute) {
    return attribute.index == name.index && attribute.name == name.name;
  });
}

std::uint32_t magic_of(std::span<const std::byte> bytes) {
  return load_le<std::uint32_t>(bytes, 0).value_or(0);
}

// Which attributes go where.
struct Placement {
  std::vector<const Attribute*> in_inode;
  std::vector<const Attribute*> in_block;
  std::size_t inode_space = 0;
  std::size_t block_space = 0;

  bool place(const Attribute& attribute, Attribute::Place place) {
    const bool inode = place == Attribute::Place::kInode;
    std::size_t& space = inode ? inode_space : block_space;
    const std::size_t needed = attribute_space(attribute);
    if (needed > space) return false;
    space -= needed;
    (inode ? in_inode : in_block).push_back(&attribute);
    return true;
  }
};

Outcome<void> place_all(const std::vector<Attribute>& attributes, Placement& placement) {
  using enum Attribute::Place;
  for (const Attribute& attribute : attributes)
    if (is_inline_data(attribute) && !placement.place(attribute, kInode)) return refuse(ENOSPC);
  for (const Attribute& attribute : attributes) {
    if (is_inline_data(attribute)) continue;
    const auto other = attribute.place == kInode ? kBlock : kInode;
    if (placement.place(attribute, attribute.place)) continue;
    if (!placement.place(attribute, other)) return refuse(ENOSPC);
  }
  return {};
}

void write_inode(std::span<std::byte> bytes, std::span<const Attribute* const> attributes) {
  std::ranges::fill(bytes, std::byte{0});
  if (attributes.empty()) return;
  (void)store_le<std::uint32_t>(bytes, 0, EXT2_EXT_ATTR_MAGIC);
  (void)write_region(bytes, AttributeRegion::of_inode(bytes.size()), attributes,
                     EntryHashes::kLeaveZero);
}

void write_block(std::span<std::byte> block, std::vector<const Attribute*>& attributes) {
  using Layout = ext2_ext_attr_header;
  // The kernel searches a block as if sorted so.
  std::ranges::sort(attributes, {}, [](const Attribute* attribute) {
    return std::tuple(attribute->index, attribute->name.size(), std::string_view(attribute->name));
  });
  std::ranges::fill(block, std::byte{0});
  const std::uint32_t hash =
      write_region(block, AttributeRegion::of_block(block.size()), attributes, EntryHashes::kFill);
  (void)store_le<std::uint32_t>(block, offsetof(Layout, h_magic), EXT2_EXT_ATTR_MAGIC);
  (void)store_le<std::uint32_t>(block, offsetof(Layout, h_refcount), 1);
  (void)store_le<std::uint32_t>(block, offsetof(Layout, h_blocks), 1);
  (void)store_le<std::uint32_t>(block, offsetof(Layout, h_hash), hash);
}

std::uint32_t block_checksum(std::span<const std::byte> block, std::uint32_t seed,
                             std::uint64_t physical) {
  std::array<unsigned char, 8> number{};
  (void)store_le<std::uint64_t>(std::as_writable_bytes(std::span(number)), 0, physical);
  const std::array<unsigned char, 4> zeros{};
  const auto* data = reinterpret_cast<const unsigned char*>(block.data());
  constexpr std::size_t kAfter = kBlockChecksumAt + zeros.size();
  std::uint32_t sum = ext2fs_crc32c_le(seed, number.data(), number.size());
  sum = ext2fs_crc32c_le(sum, data, kBlockChecksumAt);
  sum = ext2fs_crc32c_le(sum, zeros.data(), zeros.size());
  return ext2fs_crc32c_le(sum, data + kAfter, block.size() - kAfter);
}

}  // namespace

Outcome<AttributeSet> AttributeSet::parse(std::span<const std::byte> in_inode,
                                          std::span<const std::byte> block) {
  std::vector<Attribute> found;
  if (magic_of(in_inode) == EXT2_EXT_ATTR_MAGIC) {
    TRY_VOID(parse_region(in_inode, AttributeRegion::of_inode(in_inode.size()),
                          Attribute::Place::kInode, found));
  }
  if (!block.empty()) {
    if (attribute_block_references(block) == 0) return refuse(EUCLEAN);
    TRY_VOID(parse_region(block, AttributeRegion::of_block(block.size()), Attribute::Place::kBlock,
                          found));
  }
  // Of two with the same name the kernel sees the first, and the inode comes first.
  AttributeSet set;
  std::set<std::pair<std::uint8_t, std::string>> known;
  for (Attribute& attribute : found)
    if (known.emplace(attribute.index, attribute.name).second)
      set.attributes_.push_back(std::move(attribute));
  return set;
}

std::vector<std::string> AttributeSet::names() const {
  std::vector<std::string> names;
  for (const Attribute& attribute : attributes_)
    if (std::string name = full_name(attribute); !name.empty()) names.push_back(std::move(name));
  return names;
}

Outcome<std::span<const std::byte>> AttributeSet::find(std::string_view name) const {
  const auto wanted = shorten(name);
  if (!wanted) return refuse(ENODATA);
  const auto found = find_short(attributes_, *wanted);
  if (found == attributes_.end()) return refuse(ENODATA);
  if (found->value_inode != 0) return refuse(EOPNOTSUPP);
  return std::span<const std::byte>(found->value);
}

// Values in inodes of their own have counted references there, which we do not keep: any rewrite
// could lose one.
Outcome<void> AttributeSet::check_changeable() const {
  const bool elsewhere = std::ranges::any_of(
      attributes_, [](const Attribute& attribute) { return attribute.value_inode != 0; });
  if (elsewhere) return refuse(EOPNOTSUPP);
  return {};
}

Outcome<void> AttributeSet::set(std::string_view name, std::span<const std::byte> value,
                                AttributeFlag flag) {
  const auto wanted = shorten(name);
  if (!wanted) return refuse(EOPNOTSUPP);
  const bool lacks_suffix = name.ends_with('.') && wanted->name.empty();
  if (lacks_suffix || wanted->name.size() > XATTR_NAME_MAX) return refuse(ERANGE);
  if (value.size() > XATTR_SIZE_MAX) return refuse(E2BIG);
  TRY_VOID(check_changeable());
  const auto found = find_short(attributes_, *wanted);
  const bool exists = found != attributes_.end();
  if (exists && flag == AttributeFlag::kCreate) return refuse(EEXIST);
  if (!exists && flag == AttributeFlag::kReplace) return refuse(ENODATA);
  // At the end of the list it does not drive others from the inode.
  if (exists) attributes_.erase(found);
  attributes_.push_back({.index = wanted->index,
                         .name = std::string(wanted->name),
                         .value = {value.begin(), value.end()},
                         .value_size = static_cast<std::uint32_t>(value.size())});
  return {};
}

Outcome<void> AttributeSet::erase(std::string_view name) {
  const auto wanted = shorten(name);
  if (!wanted) return refuse(ENODATA);
  TRY_VOID(check_changeable());
  const auto found = find_short(attributes_, *wanted);
  if (found == attributes_.end()) return refuse(ENODATA);
  attributes_.erase(found);
  return {};
}

Outcome<AttributeBlock> AttributeSet::store(std::span<std::byte> in_inode,
                                            std::span<std::byte> block) const {
  TRY_VOID(check_changeable());
  Placement placement;
  placement.inode_space = region_space(AttributeRegion::of_inode(in_inode.size()));
  placement.block_space = region_space(AttributeRegion::of_block(block.size()));
  TRY_VOID(place_all(attributes_, placement));
  write_inode(in_inode, placement.in_inode);
  if (placement.in_block.empty()) return AttributeBlock::kUnused;
  write_block(block, placement.in_block);
  return AttributeBlock::kUsed;
}

std::uint32_t attribute_block_references(std::span<const std::byte> block) {
  using Layout = ext2_ext_attr_header;
  if (block.size() < sizeof(Layout) || magic_of(block) != EXT2_EXT_ATTR_MAGIC) return 0;
  if (load_le<std::uint32_t>(block, offsetof(Layout, h_blocks)) != 1U) return 0;
  const auto references = load_le<std::uint32_t>(block, offsetof(Layout, h_refcount)).value_or(0);
  return references <= kMostReferences ? references : 0;
}

void set_attribute_block_references(std::span<std::byte> block, std::uint32_t references) {
  (void)store_le<std::uint32_t>(block, offsetof(ext2_ext_attr_header, h_refcount), references);
}

bool attribute_block_checksum_matches(std::span<const std::byte> block, std::uint32_t volume_seed,
                                      std::uint64_t physical) {
  if (block.size() < sizeof(ext2_ext_attr_header)) return false;
  return load_le<std::uint32_t>(block, kBlockChecksumAt) ==
         block_checksum(block, volume_seed, physical);
}

void set_attribute_block_checksum(std::span<std::byte> block, std::uint32_t volume_seed,
                                  std::uint64_t physical) {
  if (block.size() < sizeof(ext2_ext_attr_header)) return;
  (void)store_le<std::uint32_t>(block, kBlockChecksumAt,
                                block_checksum(block, volume_seed, physical));
}

}  // namespace airlock::ext
