// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "contained/ext/acl.h"
#include "contained/ext/ext_driver.h"
#include "contained/ext/posix_acl.h"
#include "lib/base/log.h"

namespace airlock::ext {
namespace {

constexpr std::string_view kSystem = "system.";
constexpr std::uint64_t kChecked = 1;

bool is_acl(std::string_view name) {
  return name == kAccessAcl || name == kDefaultAcl;
}

// The kernel lets everybody ask for any system attribute and only guards the access lists, so no
// other may exist. What the medium has of them, such as inline data, is ours.
bool is_hidden(std::string_view name) {
  return name.starts_with(kSystem) && !is_acl(name);
}

// EOPNOTSUPP for a kind of attribute nobody knows, EINVAL for a kind without a name.
Outcome<void> require_name(std::string_view name) {
  if (is_acl(name)) return {};
  constexpr std::array kPrefixes = {std::string_view("user."), std::string_view("trusted."),
                                    std::string_view("security.")};
  const auto known =
      std::ranges::find_if(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
  if (known == kPrefixes.end()) return refuse(EOPNOTSUPP);
  return name == *known ? refuse(EINVAL) : Outcome<void>{};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Outcome<AttributeSet> ExtDriver::load_attributes(const Inode& inode) {
  const std::uint64_t block = inode.attribute_block();
  std::span<std::byte> bytes;
  if (block != 0) {
    if (!volume_.allocator().may_hold_data({block, 1})) return refuse(EUCLEAN);
    TRY(bytes, volume_.cache().read(block));
    std::uint64_t& marks = volume_.cache().marks(block);
    if (volume_.has_checksums() && (marks & kChecked) == 0 &&
        !attribute_block_checksum_matches(bytes, volume_.checksum_seed(), block)) {
      log(LogLevel::kError, "the attribute block of inode {} has a wrong checksum", inode.number());
      return refuse(EUCLEAN);
    }
    marks |= kChecked;
  }
  return AttributeSet::parse(inode.body(), bytes);
}

// One reference less to the attribute block of the inode; the last one frees it.
Outcome<void> ExtDriver::release_attribute_block(const Inode& inode) {
  const std::uint64_t block = inode.attribute_block();
  if (block == 0) return {};
  if (!volume_.allocator().may_hold_data({block, 1})) return refuse(EUCLEAN);
  TRY(const auto bytes, volume_.cache().read(block));
  const std::uint32_t references = attribute_block_references(bytes);
  if (references > 1) {
    set_attribute_block_references(bytes, references - 1);
    if (volume_.has_checksums())
      set_attribute_block_checksum(bytes, volume_.checksum_seed(), block);
    volume_.cache().changed(block);
  } else {
    TRY_VOID(volume_.allocator().free_blocks({block, 1}));
    volume_.cache().forget(block);
  }
  inode.set_attribute_block(0);
  (void)inode.add_blocks(-1, volume_.block_size(), /*huge_files=*/true);
  return {};
}

Outcome<void> ExtDriver::store_attributes(const Inode& inode, const AttributeSet& attributes) {
  const std::vector<std::byte> body_before(inode.body().begin(), inode.body().end());
  std::vector<std::byte> scratch(volume_.block_size());
  TRY(const AttributeBlock use, attributes.store(inode.body(), scratch));
  if (use == AttributeBlock::kUnused) return release_attribute_block(inode);

  std::uint64_t block = inode.attribute_block();
  bool shared = false;
  if (block != 0) {
    TRY(const auto old, volume_.cache().read(block));
    shared = attribute_block_references(old) > 1;
  }
  // What moves between the inode and its block would be in neither, or in the old place only, if
  // one of them came first. So the inode gets another block.
  const bool copied = block != 0 && !shared && !volume_.has_journal() &&
                      volume_.allocator().available_block_count() > 0;
  if (block == 0 || shared || copied) {
    const auto range = volume_.allocator().reserve_blocks(
        volume_.allocator().goal_for_group(volume_.group_of_inode(inode.number())), 1);
    if (!range) {
      std::ranges::copy(body_before, inode.body().begin());
      return std::unexpected(range.error());
    }
    InodeBlocks blocks(volume_, inode);
    auto done = blocks.take(*range);
    // Not before there is another block: without one the inode keeps what it has.
    if (done && block != 0) {
      done = release_attribute_block(inode);
      if (!done) (void)blocks.release(range->start, range->count, MapUse::kData);
    }
    if (!done) {
      std::ranges::copy(body_before, inode.body().begin());
      return done;
    }
    block = range->start;
    inode.set_attribute_block(block);
    volume_.require_feature_attributes();
  }
  TRY(const auto bytes, volume_.cache().fresh(block));
  std::ranges::copy(scratch, bytes.begin());
  if (volume_.has_checksums()) set_attribute_block_checksum(bytes, volume_.checksum_seed(), block);
  volume_.cache().marks(block) |= kChecked;
  return {};
}

Outcome<std::string> ExtDriver::get_attribute(NodeId node, std::string_view name) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  TRY_VOID(require_name(name));
  TRY(const AttributeSet attributes, load_attributes(inode));
  TRY(const auto value, attributes.find(name));
  if (!is_acl(name)) return text_of(value);
  TRY(const auto acl, acl_from_disk(value));
  return text_of(acl);
}

Outcome<std::string> ExtDriver::list_attributes(NodeId node) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  TRY(const AttributeSet attributes, load_attributes(inode));
  std::string names;
  for (const std::string& name : attributes.names()) {
    if (is_hidden(name)) continue;
    names += name;
    names += '\0';
  }
  return names;
}

// Setting an access list sets the mode too, and one that says no more than the mode is not kept.
Outcome<void> ExtDriver::set_acl(const Inode& inode, AttributeSet& attributes,
                                 std::string_view name, std::span<const std::byte> value) {
  if (inode.is_link()) return refuse(EOPNOTSUPP);
  if (name == kDefaultAcl && !inode.is_directory()) return refuse(EACCES);
  TRY(const AclMode mode, mode_of_acl(value));
  if (name == kAccessAcl) {
    inode.set_mode((inode.mode() & ~mode_t{0777}) | mode.permissions);
    if (!mode.says_more) {
      const auto erased = attributes.erase(name);
      return erased || erased.error().value == ENODATA ? Outcome<void>{} : erased;
    }
  }
  TRY(const auto disk, acl_to_disk(value));
  return attributes.set(name, disk, AttributeFlag::kCreateOrReplace);
}

Outcome<void> ExtDriver::set_attribute(NodeId node, std::string_view name,
                                       std::span<const std::byte> value, int flags) {
  return with_space([&]() -> Outcome<void> {
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, changeable(node));
    TRY_VOID(require_name(name));
    TRY(AttributeSet attributes, load_attributes(inode));
    const auto flag = flags == XATTR_CREATE    ? AttributeFlag::kCreate
                      : flags == XATTR_REPLACE ? AttributeFlag::kReplace
                                               : AttributeFlag::kCreateOrReplace;
    const mode_t mode = inode.mode();
    auto done =
        is_acl(name) ? set_acl(inode, attributes, name, value) : attributes.set(name, value, flag);
    if (done) done = store_attributes(inode, attributes);
    if (!done) {
      inode.set_mode(mode);
      return done;
    }
    touch(inode, /*modified=*/false);
    volume_.inode_changed(inode);
    return {};
  });
}

Outcome<void> ExtDriver::remove_attribute(NodeId node, std::string_view name) {
  return with_space([&]() -> Outcome<void> {
    const Volume::Operation operation(volume_);
    TRY(const Inode inode, changeable(node));
    TRY_VOID(require_name(name));
    TRY(AttributeSet attributes, load_attributes(inode));
    const auto erased = attributes.erase(name);
    // There is no telling a file without a list from one whose list says no more than its mode.
    if (!erased && erased.error().value == ENODATA && is_acl(name)) return {};
    if (!erased) return erased;
    TRY_VOID(store_attributes(inode, attributes));
    touch(inode, /*modified=*/false);
    volume_.inode_changed(inode);
    return {};
  });
}

// Gives a new inode what its directory's default list grants, or what the umask leaves.
Outcome<void> ExtDriver::inherit_acl(const Inode& parent, const Inode& child, mode_t wanted,
                                     mode_t umask) {
  if (S_ISLNK(wanted)) return {};
  const bool may_have = parent.attribute_block() != 0 || !parent.body().empty();
  std::vector<std::byte> acl;
  if (may_have) {
    TRY(const AttributeSet attributes, load_attributes(parent));
    if (const auto found = attributes.find(kDefaultAcl)) {
      TRY(acl, acl_from_disk(*found));
    } else if (found.error().value != ENODATA) {
      return std::unexpected(found.error());
    }
  }
  if (acl.empty()) {
    child.set_mode(wanted & ~(umask & 0777));
    return {};
  }
  AttributeSet attributes;
  if (S_ISDIR(wanted)) {
    TRY(const auto disk, acl_to_disk(acl));
    TRY_VOID(attributes.set(kDefaultAcl, disk, AttributeFlag::kCreateOrReplace));
  }
  TRY(const mode_t mode, inherit(acl, wanted));
  child.set_mode(mode);
  TRY(const AclMode amounts, mode_of_acl(acl));
  if (amounts.says_more) {
    TRY(const auto disk, acl_to_disk(acl));
    TRY_VOID(attributes.set(kAccessAcl, disk, AttributeFlag::kCreateOrReplace));
  }
  return attributes.empty() ? Outcome<void>{} : store_attributes(child, attributes);
}

Outcome<void> ExtDriver::adapt_acl_to_mode(const Inode& inode) {
  if (inode.is_link() || (inode.attribute_block() == 0 && inode.body().empty())) return {};
  TRY(AttributeSet attributes, load_attributes(inode));
  const auto found = attributes.find(kAccessAcl);
  if (!found) return found.error().value == ENODATA ? Outcome<void>{} : refuse(found.error().value);
  TRY(auto acl, acl_from_disk(*found));
  TRY_VOID(apply_mode(acl, inode.mode()));
  TRY(const auto disk, acl_to_disk(acl));
  TRY_VOID(attributes.set(kAccessAcl, disk, AttributeFlag::kReplace));
  return store_attributes(inode, attributes);
}

}  // namespace airlock::ext
