// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/drivers/romfs/romfs.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/byte_view.h"

namespace airlock::romfs {
namespace {

constexpr std::string_view kMagic = "-rom1fs-";
constexpr std::size_t kAlignment = 16;
constexpr std::size_t kHeader = 16;      // four numbers, and then the name
constexpr std::size_t kNameField = 256;  // the longest that Linux can show, and its NUL
constexpr std::size_t kSummedUp = 512;   // of the superblock
constexpr std::uint32_t kBlock = 1024, kOffset = ~15u, kExecutable = 8, kType = 7;
constexpr int kMostLinks = 8;
constexpr std::array<mode_t, 8> kModes = {0 /* a hard link */, S_IFDIR | 0644, S_IFREG | 0644,
                                          S_IFLNK | 0777,      S_IFBLK | 0600, S_IFCHR | 0600,
                                          S_IFSOCK | 0644,     S_IFIFO | 0644};

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t offset) {
  return load_be<std::uint32_t>(bytes, offset).value_or(0);
}

bool sums_to_zero(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof sum) sum += number_at(bytes, at);
  return sum == 0;
}

// Of a file. The superblock looks alike: magic, size, sum, and the name of the volume.
struct Header {
  Header(std::span<const std::byte> bytes, NodeId at)
      : name(reinterpret_cast<const char*>(bytes.data()) + kHeader, bytes.size() - kHeader) {
    name.resize(std::min(name.find('\0'), name.size()));
    const std::size_t length = kHeader + (name.size() / kAlignment + 1) * kAlignment;
    is_sound = length <= bytes.size() && sums_to_zero(bytes.first(length));
    next = number_at(bytes, 0) & kOffset;
    mode = kModes[number_at(bytes, 0) & kType];
    if ((number_at(bytes, 0) & kExecutable) != 0) mode |= 0111;
    target = number_at(bytes, 4);
    size = number_at(bytes, 8);
    data = at + length;
  }
  [[nodiscard]] bool is_hard_link() const { return (mode & S_IFMT) == 0; }
  std::string name;
  bool is_sound = false;
  mode_t mode = 0;
  std::uint32_t next = 0, target = 0, size = 0;
  std::uint64_t data = 0;
};

// The number of a file, and the position of an entry, is the offset of its header.
class Romfs final : public ReadOnlyFormat {
 public:
  Romfs(const MediumReader& medium, const VolumeInfo& volume)
      : ReadOnlyFormat(volume), medium_(medium) {}

  Outcome<NodeInfo> info(NodeId node) const override {
    TRY(const Header found, header(node));
    if (!found.is_sound || found.is_hard_link()) return refuse(EIO);
    NodeInfo info = {.mode = found.mode};
    if (S_ISREG(info.mode) || S_ISLNK(info.mode)) info.size = found.size;
    if (S_ISBLK(info.mode) || S_ISCHR(info.mode))
      info.device = makedev(found.target >> 16, found.target & 0xffff);
    return info;
  }

  Outcome<std::optional<DirectoryEntry>> entry_at(NodeId directory,
                                                  std::uint64_t position) const override {
    if (position == 0) {
      TRY(const Header own, header(directory));
      position = own.target & kOffset;
    }
    if (position == 0 || position == volume().size) return std::nullopt;
    TRY(const Header found, header(position));
    return DirectoryEntry{.name = found.name,
                          .node = follow(position, kMostLinks),
                          .type = found.mode & S_IFMT,
                          .next = found.next != 0 ? found.next : volume().size};
  }

  Outcome<void> read(NodeId node, std::uint64_t offset, std::span<std::byte> into) const override {
    TRY(const Header found, header(node));
    if (found.data + offset + into.size() > volume().size) return refuse(EIO);
    return medium_.read(found.data + offset, into);
  }

 private:
  Outcome<Header> header(NodeId at) const {
    TRY(const auto bytes, medium_.read_up_to(at, kHeader + kNameField));
    if (at % kAlignment != 0 || at >= volume().size || bytes.size() < kHeader) return refuse(EIO);
    return Header(bytes, at);
  }

  // The file a hard link leads to. One that leads nowhere remains a link, which info() refuses.
  [[nodiscard]] NodeId follow(NodeId at, int steps) const {
    const auto found = header(at);
    if (!found || !found->is_hard_link() || steps == 0) return at;
    return follow(found->target & kOffset, steps - 1);
  }

  const MediumReader& medium_;
};

}  // namespace

Result<std::unique_ptr<ReadOnlyFormat>> open(const MediumReader& medium) {
  const auto start = medium.read_up_to(0, kSummedUp);
  if (!start) return fail_errno(start.error().value, Errc::kIo, "read the superblock");
  if (start->size() < kSummedUp || std::memcmp(start->data(), kMagic.data(), kMagic.size()) != 0)
    return fail(Errc::kWrongFormat, "this is not a romfs filesystem");
  const Header superblock(*start, 0);
  if (!sums_to_zero(std::span(*start).first(std::min<std::size_t>(kSummedUp, superblock.size))))
    return fail(Errc::kCorrupted, "the checksum of its superblock is wrong");
  return std::make_unique<Romfs>(medium, VolumeInfo{superblock.data, superblock.size, kBlock});
}

}  // namespace airlock::romfs
