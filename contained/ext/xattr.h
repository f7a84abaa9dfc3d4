// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contained/runtime/outcome.h"

namespace airlock::ext {

enum class AttributeFlag { kCreateOrReplace, kCreate, kReplace };
enum class AttributeBlock { kUnused, kUsed };

// One attribute as it is on the medium: the prefix of its name is a number.
struct Attribute {
  enum class Place { kInode, kBlock };

  std::uint8_t index = 0;
  std::string name;  // without the prefix the index stands for
  std::vector<std::byte> value;
  std::uint32_t value_inode = 0;  // not 0: the value is elsewhere and only its size is known
  std::uint32_t value_size = 0;
  Place place = Place::kInode;
};

// The extended attributes of one inode: those in the inode after its fixed fields and those in the
// block i_file_acl names. Parsed into memory, changed there and stored back as a whole; touches
// nothing but the spans it is given. Names are full names ("user.mime_type"); values are as on the
// medium, so ACLs need acl.h. Attributes with a name index we do not know are kept but not shown.
class AttributeSet {
 public:
  // `in_inode` is the inode from 128 + i_extra_isize to its end, empty in small inodes; `block` is
  // the attribute block or empty. EUCLEAN where they contradict themselves. Does not look at the
  // checksum of the block: see attribute_block_checksum_matches().
  static Outcome<AttributeSet> parse(std::span<const std::byte> in_inode,
                                     std::span<const std::byte> block);

  [[nodiscard]] std::vector<std::string> names() const;
  // ENODATA if there is none, EOPNOTSUPP if its value lives in an inode of its own.
  [[nodiscard]] Outcome<std::span<const std::byte>> find(std::string_view name) const;

  // EEXIST and ENODATA by the flag, EOPNOTSUPP for a name without a known prefix or for any change
  // when a value lives in an inode of its own, ERANGE for a name that is too long or empty, E2BIG
  // for a value no attribute can have. Whether it fits shows in store().
  Outcome<void> set(std::string_view name, std::span<const std::byte> value, AttributeFlag flag);
  // ENODATA if there is none.
  Outcome<void> erase(std::string_view name);

  // Writes everything back: both spans as in parse(), `block` may be a scratch block and may be
  // empty if there must not be one. system.data stays in the inode; others stay where they were,
  // new ones prefer the inode. ENOSPC if it does not fit; nothing is written then. If it answers
  // kUsed, the block holds all but its checksum, with one reference; if kUnused, the block was not
  // touched and is not needed any more.
  Outcome<AttributeBlock> store(std::span<std::byte> in_inode, std::span<std::byte> block) const;

  [[nodiscard]] bool empty() const { return attributes_.empty(); }

 private:
  [[nodiscard]] Outcome<void> check_changeable() const;

  std::vector<Attribute> attributes_;
};

// How many inodes share this attribute block; 0 if it is none. One that is shared must not be
// changed: store into another block and take one reference away from this one.
std::uint32_t attribute_block_references(std::span<const std::byte> block);
// Sets the count; the checksum must be set afterwards.
void set_attribute_block_references(std::span<std::byte> block, std::uint32_t references);

// With metadata_csum: over the volume's seed, the number of the block, and its bytes.
bool attribute_block_checksum_matches(std::span<const std::byte> block, std::uint32_t volume_seed,
                                      std::uint64_t physical);
void set_attribute_block_checksum(std::span<std::byte> block, std::uint32_t volume_seed,
                                  std::uint64_t physical);

}  // namespace airlock::ext
