// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/places/user_folder_access.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/places/folder_names.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr const char* kAccessList = "system.posix_acl_access";
constexpr mode_t kGroupMode = 0750;

// The list in the kernel's format, so that no library is needed. It must be sorted by tag.
struct AccessList {
  posix_acl_xattr_header header;
  std::array<posix_acl_xattr_entry, 5> entries;
};
static_assert(sizeof(AccessList) == 4 + 5 * 8);

posix_acl_xattr_entry entry(std::uint16_t tag, std::uint16_t permissions, std::uint32_t id) {
  return {.e_tag = htole16(tag), .e_perm = htole16(permissions), .e_id = htole32(id)};
}

AccessList list_for(uid_t user) {
  constexpr std::uint16_t kLook = ACL_READ | ACL_EXECUTE;
  constexpr auto kNobody = static_cast<std::uint32_t>(ACL_UNDEFINED_ID);
  return {.header = {.a_version = htole32(POSIX_ACL_XATTR_VERSION)},
          .entries = {entry(ACL_USER_OBJ, kLook | ACL_WRITE, kNobody), entry(ACL_USER, kLook, user),
                      entry(ACL_GROUP_OBJ, 0, kNobody), entry(ACL_MASK, kLook, kNobody),
                      entry(ACL_OTHER, 0, kNobody)}};
}

// The folder's list; nothing if the number of entries differs from ours.
std::optional<AccessList> list_of(BorrowedFd folder) {
  AccessList list{};
  const ssize_t size = ::fgetxattr(folder.get(), kAccessList, &list, sizeof list);
  if (size != static_cast<ssize_t>(sizeof list)) return std::nullopt;
  return list;
}

bool same(const AccessList& one, const AccessList& other) {
  return std::memcmp(&one, &other, sizeof one) == 0;
}

Result<void> let_in_group(BorrowedFd folder, uid_t user, gid_t group) {
  if (group != user)
    return fail(Errc::kUnsupported,
                "the filesystem has no access control lists, and group {} may have other members "
                "than user {}",
                group, user);
  struct stat status = {};
  if (::fstat(folder.get(), &status) == 0 && status.st_gid == group &&
      (status.st_mode & kPermissions) == kGroupMode)
    return {};
  if (::fchown(folder.get(), 0, group) != 0 || ::fchmod(folder.get(), kGroupMode) != 0)
    return fail_errno(errno, Errc::kSystem, "let group {} in", group);
  log(LogLevel::kNotice, "the folder of user {} is open to its group: no access control lists here",
      user);
  return {};
}

}  // namespace

Result<void> let_in_only(BorrowedFd folder, uid_t user, gid_t group) {
  const AccessList wanted = list_for(user);
  if (const auto present = list_of(folder); present && same(*present, wanted)) return {};
  if (::fsetxattr(folder.get(), kAccessList, &wanted, sizeof wanted, 0) == 0) return {};
  const int error = errno;
  if (error == EOPNOTSUPP) return let_in_group(folder, user, group);
  return fail_errno(error, Errc::kSystem, "let only user {} in", user);
}

bool lets_in_one_user(BorrowedFd folder) {
  struct stat status = {};
  if (::fstat(folder.get(), &status) != 0 || status.st_uid != 0) return false;
  if (const auto list = list_of(folder))
    return same(*list, list_for(le32toh(list->entries[1].e_id)));
  const bool no_lists =
      ::fgetxattr(folder.get(), kAccessList, /*value=*/nullptr, 0) < 0 && errno == EOPNOTSUPP;
  return no_lists && (status.st_mode & kPermissions) == kGroupMode && status.st_gid != 0;
}

}  // namespace airlock
