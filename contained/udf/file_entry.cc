// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/udf/file_entry.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "contained/udf/tag.h"
#include "contained/udf/timestamps.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::size_t kStrategy = 20, kMostEntries = 24, kType = 27, kFlags = 34, kUser = 36,
                      kGroup = 40, kPermissions = 44, kLinks = 48, kSize = 56;
constexpr std::uint16_t kInPlace = 4, kChained = 4096;
constexpr std::size_t kIndirectExtent = 36;
// As far as Linux follows a file that was written anew on a medium that is written once.
constexpr int kMostIndirections = 1024;

// Where the two kinds of entries differ.
struct Layout {
  std::size_t modified;
  std::size_t attributes_length;  // and behind it the length of the allocation descriptors
  std::size_t attributes;
};
constexpr Layout kPlain = {.modified = 84, .attributes_length = 168, .attributes = 176};
constexpr Layout kExtended = {.modified = 92, .attributes_length = 208, .attributes = 216};

constexpr std::uint32_t kNobody = 65534;
std::uint32_t owner_of(std::uint32_t recorded) {
  return recorded == 0xffffffff ? kNobody : recorded;
}

// Five bits for others, the group and the owner; of these the lowest three are those of POSIX.
mode_t permissions_of(std::uint32_t bits, std::uint16_t flags) {
  mode_t mode = (bits & 7) | (bits >> 5 & 7) << 3 | (bits >> 10 & 7) << 6;
  if ((flags & 0x40) != 0) mode |= S_ISUID;
  if ((flags & 0x80) != 0) mode |= S_ISGID;
  if ((flags & 0x100) != 0) mode |= S_ISVTX;
  return mode;
}

// The numbers of a device, from the extended attribute that has them.
dev_t device_of(std::span<const std::byte> attributes) {
  constexpr std::size_t kHeader = 24, kShortest = 12;
  constexpr std::uint32_t kDeviceNumbers = 12;
  for (std::size_t at = kHeader; at < attributes.size();) {
    const auto type = load_le<std::uint32_t>(attributes, at);
    const auto length = load_le<std::uint32_t>(attributes, at + 8).value_or(0);
    if (length < kShortest || length > attributes.size() - at) break;
    if (type == kDeviceNumbers)
      return makedev(load_le<std::uint32_t>(attributes, at + 16).value_or(0),
                     load_le<std::uint32_t>(attributes, at + 20).value_or(0));
    at += length;
  }
  return 0;
}

}  // namespace

Outcome<FileEntry> FileEntry::decode(std::span<const std::byte> block, std::uint32_t location) {
  const auto tag = read_tag_of(location, block);
  if (tag != Tag::kFileEntry && tag != Tag::kExtendedFileEntry) return refuse(EIO);
  const Layout& layout = tag == Tag::kFileEntry ? kPlain : kExtended;
  if (block.size() < layout.attributes) return refuse(EIO);
  const auto number = [&](std::size_t at) { return *load_le<std::uint32_t>(block, at); };
  const std::uint64_t attributes = number(layout.attributes_length);
  const std::uint64_t allocated = number(layout.attributes_length + 4);
  const auto rest = block.subspan(layout.attributes);
  if (attributes > rest.size() || allocated > rest.size() - attributes) return refuse(EIO);
  const auto flags = load_le<std::uint16_t>(block, kFlags).value_or(0);
  if ((flags & 7) > static_cast<int>(Allocation::kInside)) return refuse(EIO);

  FileEntry entry;
  entry.type = static_cast<FileType>(block[kType]);
  entry.permissions = permissions_of(number(kPermissions), flags);
  entry.links = std::max<nlink_t>(1, load_le<std::uint16_t>(block, kLinks).value_or(1));
  entry.user = owner_of(number(kUser));
  entry.group = owner_of(number(kGroup));
  entry.device = device_of(rest.first(static_cast<std::size_t>(attributes)));
  entry.size = load_le<std::uint64_t>(block, kSize).value_or(0);
  entry.modified = time_of(block.subspan(layout.modified)).value_or(timespec{});
  entry.allocation = static_cast<Allocation>(flags & 7);
  const auto bytes =
      rest.subspan(static_cast<std::size_t>(attributes), static_cast<std::size_t>(allocated));
  entry.allocated.assign(bytes.begin(), bytes.end());
  return entry;
}

Outcome<FileEntry> FileEntry::read(const BlockReader& reader, Place place) {
  for (int steps = 0; steps < kMostIndirections; ++steps) {
    TRY(const auto block, reader.read_block(place));
    TRY(FileEntry entry, decode(block, place.block));
    entry.place = place;
    const auto strategy = load_le<std::uint16_t>(block, kStrategy);
    if (strategy == kInPlace) return entry;
    if (strategy != kChained) return refuse(EOPNOTSUPP);
    // The block behind it may say where the file was written anew.
    if (load_le<std::uint16_t>(block, kMostEntries).value_or(0) < 2) return entry;
    const Place behind = {.block = place.block + 1, .partition = place.partition};
    const auto next = reader.read_block(behind);
    if (!next || read_tag_of(behind.block, *next) != Tag::kIndirectEntry) return entry;
    const LongExtent extent = LongExtent::decode(*next, kIndirectExtent);
    if (extent.bytes() == 0) return entry;
    place = extent.place;
  }
  return refuse(EIO);
}

}  // namespace airlock::udf
