// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/posix_acl.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kHeader = 4;
constexpr std::size_t kEntry = 8;
constexpr mode_t kAll = 7;

// One entry: u16 tag, u16 permissions, u32 id, little-endian.
struct Field {
  std::size_t offset;
  std::uint16_t tag;
  mode_t permissions;
};

// Calls visit for every entry; false for a list that is malformed.
template <typename Visit>
bool for_each(std::span<const std::byte> acl, Visit visit) {
  if (load_le<std::uint32_t>(acl, 0) != POSIX_ACL_XATTR_VERSION) return false;
  if ((acl.size() - kHeader) % kEntry != 0) return false;
  for (std::size_t at = kHeader; at < acl.size(); at += kEntry) {
    const auto tag = load_le<std::uint16_t>(acl, at);
    const auto permissions = load_le<std::uint16_t>(acl, at + 2);
    if (!tag || !permissions || *permissions > kAll) return false;
    visit(Field{at, *tag, *permissions});
  }
  return true;
}

void set_permissions(std::span<std::byte> acl, std::size_t entry, mode_t permissions) {
  (void)store_le<std::uint16_t>(acl, entry + 2, static_cast<std::uint16_t>(permissions & kAll));
}

struct Entries {
  std::optional<Field> user, group, mask, other;
};

std::optional<Entries> find_entries(std::span<const std::byte> acl) {
  Entries entries;
  const bool valid = for_each(acl, [&](const Field& field) {
    switch (field.tag) {
      case ACL_USER_OBJ:
        entries.user = field;
        break;
      case ACL_GROUP_OBJ:
        entries.group = field;
        break;
      case ACL_MASK:
        entries.mask = field;
        break;
      case ACL_OTHER:
        entries.other = field;
        break;
      default:
        break;
    }
  });
  if (!valid || !entries.user || !entries.group || !entries.other) return std::nullopt;
  return entries;
}

}  // namespace

Outcome<AclMode> mode_of_acl(std::span<const std::byte> acl) {
  const auto entries = find_entries(acl);
  if (!entries) return refuse(EINVAL);
  const mode_t group = entries->mask.value_or(*entries->group).permissions;
  return AclMode{
      .permissions = entries->user->permissions << 6 | group << 3 | entries->other->permissions,
      .says_more = acl.size() > kHeader + 3 * kEntry || entries->mask.has_value()};
}

Outcome<void> apply_mode(std::vector<std::byte>& acl, mode_t mode) {
  const auto entries = find_entries(acl);
  if (!entries) return refuse(EINVAL);
  set_permissions(acl, entries->user->offset, mode >> 6);
  set_permissions(acl, entries->mask.value_or(*entries->group).offset, mode >> 3);
  set_permissions(acl, entries->other->offset, mode);
  return {};
}

Outcome<mode_t> inherit(std::vector<std::byte>& acl, mode_t mode) {
  const auto entries = find_entries(acl);
  if (!entries) return refuse(EINVAL);
  const Field& group = entries->mask ? *entries->mask : *entries->group;
  const mode_t user_bits = entries->user->permissions & (mode >> 6);
  const mode_t group_bits = group.permissions & (mode >> 3);
  const mode_t other_bits = entries->other->permissions & mode;
  set_permissions(acl, entries->user->offset, user_bits);
  set_permissions(acl, group.offset, group_bits);
  set_permissions(acl, entries->other->offset, other_bits);
  return (mode & ~mode_t{0777}) | user_bits << 6 | group_bits << 3 | other_bits;
}

}  // namespace airlock::ext
