// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "contained/ext/ext_driver.h"
#include "contained/ext/inline_directory.h"
#include "lib/base/log.h"

// Inline data: the content of a small file or directory lies in i_block and goes on in the
// attribute system.data. It is read where it is; the first change gives the inode blocks of its
// own, as every other driver does once the content has grown.
namespace airlock::ext {
namespace {

constexpr std::string_view kInlineData = "system.data";

class LoggedCorruption final : public CorruptionReport {
 public:
  explicit LoggedCorruption(std::uint32_t inode) : inode_(inode) {}
  void corrupted(std::uint32_t, std::string_view what) override {
    log(LogLevel::kError, "directory inode {}: {}", inode_, what);
  }

 private:
  std::uint32_t inode_;
};

// A copy of an inline directory; reading it never needs the inode again.
struct InlineCopy {
  InlineCopy(const DirectoryFormat& format, const Inode& inode, std::vector<std::byte> content)
      : bytes(std::move(content)),
        report(inode.number()),
        names(format, report,
              {.block = std::span(bytes).first(kMapRootSize),
               .attribute = std::span(bytes).subspan(kMapRootSize)},
              inode.number(), inode.has_flag(EXT4_CASEFOLD_FL)) {}
  std::vector<std::byte> bytes;
  LoggedCorruption report;
  InlineDirectory names;
};

}  // namespace

// The root and the attribute behind it, whatever the size of the inode says.
Outcome<std::vector<std::byte>> ExtDriver::inline_bytes(const Inode& inode) {
  TRY(const AttributeSet attributes, load_attributes(inode));
  std::vector<std::byte> bytes(inode.root().begin(), inode.root().end());
  if (const auto rest = attributes.find(kInlineData))
    bytes.insert(bytes.end(), rest->begin(), rest->end());
  return bytes;
}

Outcome<Entry> ExtDriver::find_inline_entry(const Inode& directory, std::string_view name) {
  TRY(auto bytes, inline_bytes(directory));
  InlineCopy copy(volume_.directory_format(), directory, std::move(bytes));
  return copy.names.lookup(name);
}

Outcome<bool> ExtDriver::is_inline_empty(const Inode& directory) {
  TRY(auto bytes, inline_bytes(directory));
  InlineCopy copy(volume_.directory_format(), directory, std::move(bytes));
  return copy.names.empty();
}

Outcome<void> ExtDriver::list_inline(const Inode& directory, std::uint64_t cookie,
                                     ListVisitor visit) {
  TRY(auto bytes, inline_bytes(directory));
  InlineCopy copy(volume_.directory_format(), directory, std::move(bytes));
  return copy.names.list(cookie, visit);
}

// One for the content, and one for attributes that were shared: dropping the inline form cannot be
// undone once an attribute block was given back.
Outcome<void> ExtDriver::require_blocks_for_unfolding() {
  constexpr std::uint64_t kNeeded = 2;
  return volume_.allocator().available_block_count() < kNeeded ? refuse(ENOSPC) : Outcome<void>{};
}

Outcome<void> ExtDriver::unfold_directory(const Inode& inode) {
  TRY(auto bytes, inline_bytes(inode));
  InlineCopy copy(volume_.directory_format(), inode, std::move(bytes));
  const std::vector<std::byte> before(inode.bytes().begin(), inode.bytes().end());
  TRY_VOID(require_blocks_for_unfolding());
  TRY_VOID(drop_inline_data(inode));
  inode.set_size(0);
  DirectoryInode blocks(volume_, inode, /*pausing=*/nullptr);
  Directory names(volume_.directory_format(), blocks, inode.number(), volume_.inode_seed(inode));
  auto converted = convert_inline(copy.names, names);
  if (!converted) std::ranges::copy(before, inode.bytes().begin());
  volume_.inode_changed(inode);
  return converted;
}

Outcome<std::vector<std::byte>> ExtDriver::inline_content(const Inode& inode) {
  if (inode.size() > volume_.inode_size() + kMapRootSize) return refuse(EUCLEAN);
  TRY(auto content, inline_bytes(inode));
  content.resize(inode.size());
  return content;
}

// Moves the content of a small file into a block of its own, as any other file has it.
Outcome<void> ExtDriver::unfold_file(const Inode& inode) {
  TRY(std::vector<std::byte> content, inline_content(inode));
  TRY(const BlockRange range, reserve_unfolded(inode, content));
  if (auto dropped = drop_inline_data(inode); !dropped) {
    if (range.count > 0) volume_.allocator().cancel_reserved(range);
    return dropped;
  }
  InodeBlocks blocks(volume_, inode);
  if (range.count > 0)
    TRY_VOID(adopt_segments(blocks,
                            {{.physical = range.start, .count = 1, .kind = Segment::Kind::kNew}}));
  volume_.inode_changed(inode);
  return {};
}

Outcome<BlockRange> ExtDriver::reserve_unfolded(const Inode& inode,
                                                std::vector<std::byte>& content) {
  if (content.empty()) return BlockRange{};
  content.resize(volume_.block_size());
  Allocator& allocator = volume_.allocator();
  TRY(const BlockRange range,
      allocator.reserve_blocks(allocator.goal_for_group(volume_.group_of_inode(inode.number())),
                               1));
  if (auto written = volume_.io().write(range.start * volume_.block_size(), content); !written) {
    allocator.cancel_reserved(range);
    return std::unexpected(written.error());
  }
  return range;
}

// Takes the inline form from an inode and gives it an empty block map.
Outcome<void> ExtDriver::drop_inline_data(const Inode& inode) {
  TRY(AttributeSet attributes, load_attributes(inode));
  if (const auto erased = attributes.erase(kInlineData); !erased && erased.error().value != ENODATA)
    return erased;
  TRY_VOID(store_attributes(inode, attributes));
  inode.raw().i_flags &= ~std::uint32_t{EXT4_INLINE_DATA_FL};
  std::ranges::fill(inode.root(), std::byte{0});
  if (volume_.has_extents()) {
    inode.raw().i_flags |= EXT4_EXTENTS_FL;
    ExtentMap::initialize(inode.root());
  }
  return {};
}

}  // namespace airlock::ext
