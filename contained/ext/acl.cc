// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/acl.h"

#include <linux/posix_acl_xattr.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint32_t kDiskVersion = 1;
constexpr std::size_t kHeaderSize = 4;
constexpr std::size_t kShortSize = 4;  // tag and permissions
constexpr std::size_t kLongSize = 8;   // and an id
constexpr std::uint16_t kTagUserObject = 0x01;
constexpr std::uint16_t kTagUser = 0x02;
constexpr std::uint16_t kTagGroupObject = 0x04;
constexpr std::uint16_t kTagGroup = 0x08;
constexpr std::uint16_t kTagMask = 0x10;
constexpr std::uint16_t kTagOther = 0x20;
constexpr std::uint16_t kPermissions = 07;
constexpr std::uint32_t kNoId = ~std::uint32_t{0};

struct AclEntry {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};

bool has_id(std::uint16_t tag) {
  return tag == kTagUser || tag == kTagGroup;
}

bool is_known(const AclEntry& entry) {
  switch (entry.tag) {
    case kTagUserObject:
    case kTagUser:
    case kTagGroupObject:
    case kTagGroup:
    case kTagMask:
    case kTagOther:
      return (entry.permissions & ~kPermissions) == 0;
    default:
      return false;
  }
}

// The tag and permissions at the start; the id if there are bytes for it.
std::optional<AclEntry> read_acl_entry(std::span<const std::byte> bytes) {
  const auto tag = load_le<std::uint16_t>(bytes, 0);
  const auto permissions = load_le<std::uint16_t>(bytes, 2);
  if (!tag || !permissions) return std::nullopt;
  const AclEntry entry{*tag, *permissions, load_le<std::uint32_t>(bytes, 4).value_or(kNoId)};
  return is_known(entry) ? std::optional(entry) : std::nullopt;
}

template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  (void)store_le<T>(bytes, at, value);
}

}  // namespace

Outcome<std::vector<std::byte>> acl_from_disk(std::span<const std::byte> disk) {
  const auto version = load_le<std::uint32_t>(disk, 0);
  if (!version || *version != kDiskVersion) return refuse(EUCLEAN);
  std::vector<std::byte> attribute;
  append<std::uint32_t>(attribute, POSIX_ACL_XATTR_VERSION);
  for (auto rest = disk.subspan(kHeaderSize); !rest.empty();) {
    const auto entry = read_acl_entry(rest);
    if (!entry) return refuse(EUCLEAN);
    const std::size_t size = has_id(entry->tag) ? kLongSize : kShortSize;
    if (rest.size() < size) return refuse(EUCLEAN);
    append<std::uint16_t>(attribute, entry->tag);
    append<std::uint16_t>(attribute, entry->permissions);
    append<std::uint32_t>(attribute, has_id(entry->tag) ? entry->id : kNoId);
    rest = rest.subspan(size);
  }
  return attribute;
}

Outcome<std::vector<std::byte>> acl_to_disk(std::span<const std::byte> attribute) {
  const auto version = load_le<std::uint32_t>(attribute, 0);
  if (!version) return refuse(EINVAL);
  if (*version != POSIX_ACL_XATTR_VERSION) return refuse(EOPNOTSUPP);
  auto rest = attribute.subspan(kHeaderSize);
  if (rest.size() % kLongSize != 0) return refuse(EINVAL);
  std::vector<std::byte> disk;
  append<std::uint32_t>(disk, kDiskVersion);
  for (; !rest.empty(); rest = rest.subspan(kLongSize)) {
    const auto entry = read_acl_entry(rest);
    if (!entry) return refuse(EINVAL);
    append<std::uint16_t>(disk, entry->tag);
    append<std::uint16_t>(disk, entry->permissions);
    if (has_id(entry->tag)) append<std::uint32_t>(disk, entry->id);
  }
  return disk;
}

}  // namespace airlock::ext
