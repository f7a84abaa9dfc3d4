// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/squashfs/xattrs.h"

#include <linux/limits.h>
#include <linux/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "contained/squashfs/inode.h"
#include "contained/squashfs/numbers.h"

namespace airlock::squashfs {
namespace {

constexpr std::array<std::string_view, 3> kPrefixes = {"user.", "trusted.", "security."};
constexpr std::size_t kTableHeader = 16;
constexpr std::size_t kIndexEntry = 16;
constexpr std::uint16_t kElsewhere = 0x100;
// A file has far fewer; more of them would keep a request busy.
constexpr std::uint64_t kMostPassed = std::uint64_t{4} << 20;

std::string_view prefix_of(std::uint16_t type) {
  const std::size_t number = type & 0xffu;
  return number < kPrefixes.size() ? kPrefixes[number] : std::string_view();
}

bool is_listed(std::string_view name) {
  return name.size() <= XATTR_NAME_MAX && name.find('\0') == std::string_view::npos &&
         std::ranges::any_of(kPrefixes, [name](std::string_view prefix) {
           return name.starts_with(prefix) && name.size() > prefix.size();
         });
}

// EOPNOTSUPP for a kind of attribute that no medium has, EINVAL for a kind without a name. Access
// lists cannot be on the medium either; but the kernel asks for them before it lets somebody open a
// file, and would refuse that with whatever it hears but "there is none".
Outcome<void> require_kind(std::string_view name) {
  if (name == XATTR_NAME_POSIX_ACL_ACCESS || name == XATTR_NAME_POSIX_ACL_DEFAULT)
    return refuse(ENODATA);
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix))
      return name.size() > prefix.size() ? Outcome<void>{} : refuse(EINVAL);
  return refuse(EOPNOTSUPP);
}

}  // namespace

Result<std::optional<Xattrs>> Xattrs::open(const MediumReader& medium, const Metadata& metadata,
                                           const Superblock& super) {
  if (super.attributes == kNoTable) return std::nullopt;
  std::array<std::byte, kTableHeader> header;
  if (const auto got = medium.read(super.attributes, header); !got)
    return fail_errno(got.error().value, Errc::kCorrupted, "read the attribute table");
  const std::uint64_t table = u64(header, 0);
  if (table >= super.used)
    return fail(Errc::kCorrupted, "its attributes begin at byte {}, outside of the filesystem",
                table);
  if (u32(header, 8) == 0) return std::nullopt;
  return Xattrs(metadata, super.attributes + kTableHeader, table, u32(header, 8));
}

Outcome<std::optional<Xattrs::Walk>> Xattrs::begin(std::uint32_t index) const {
  if (index == kNone) return std::nullopt;
  if (index >= count_) return refuse(EIO);
  std::array<std::byte, kIndexEntry> entry;
  TRY_VOID(metadata_->read_entry(list_, index, entry));
  const std::uint64_t reference = u64(entry, 0);
  return Walk{.cursor = MetadataCursor(*metadata_, table_ + (reference >> 16), reference & 0xffff),
              .left = u32(entry, 8)};
}

Outcome<Xattrs::Found> Xattrs::next_name(Walk& walk) {
  --walk.left;
  TRY(const auto head, walk.cursor.take<4>());
  const std::uint16_t type = u16(head, 0);
  std::string rest(u16(head, 2), '\0');
  TRY_VOID(walk.cursor.read(std::as_writable_bytes(std::span(rest))));
  walk.passed += head.size() + rest.size();
  if (walk.passed > kMostPassed) return refuse(EIO);
  return Found{.name = std::string(prefix_of(type)) + rest, .elsewhere = (type & kElsewhere) != 0};
}

Outcome<void> Xattrs::skip_value(Walk& walk) {
  TRY(const auto head, walk.cursor.take<4>());
  walk.passed += head.size() + u32(head, 0);
  if (walk.passed > kMostPassed) return refuse(EIO);
  return walk.cursor.skip(u32(head, 0));
}

Outcome<std::string> Xattrs::read_value(Walk& walk, bool elsewhere) const {
  TRY(auto head, walk.cursor.take<4>());
  if (elsewhere) {
    TRY(const auto place, walk.cursor.take<8>());
    const std::uint64_t reference = u64(place, 0);
    walk.cursor = MetadataCursor(*metadata_, table_ + (reference >> 16), reference & 0xffff);
    TRY(head, walk.cursor.take<4>());
  }
  if (u32(head, 0) > XATTR_SIZE_MAX) return refuse(EIO);
  std::string value(u32(head, 0), '\0');
  TRY_VOID(walk.cursor.read(std::as_writable_bytes(std::span(value))));
  return value;
}

Outcome<std::string> Xattrs::value(std::uint32_t index, std::string_view name) const {
  TRY_VOID(require_kind(name));
  TRY(auto walk, begin(index));
  while (walk && walk->left > 0) {
    TRY(const Found found, next_name(*walk));
    if (found.name == name) return read_value(*walk, found.elsewhere);
    TRY_VOID(skip_value(*walk));
  }
  return refuse(ENODATA);
}

Outcome<std::string> Xattrs::names(std::uint32_t index) const {
  TRY(auto walk, begin(index));
  std::string names;
  while (walk && walk->left > 0) {
    TRY(const Found found, next_name(*walk));
    TRY_VOID(skip_value(*walk));
    if (!is_listed(found.name)) continue;
    names += found.name;
    names += '\0';
    if (names.size() > XATTR_LIST_MAX) return refuse(E2BIG);
  }
  return names;
}

}  // namespace airlock::squashfs
