// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "contained/ext/name_folding.h"
#include "contained/runtime/outcome.h"

// The content of one ext2/3/4 directory: names to inode numbers, linear or hashed (htree), read
// and changed in place so that the kernel and e2fsck find nothing to complain about. Where the
// blocks come from and when they reach the medium is the business of DirectoryBlocks; inodes, link
// counts and times are the caller's. Everything in the blocks is taken for hostile: what does not
// hold together is reported through DirectoryBlocks::corrupted and answered with EUCLEAN.
namespace airlock::ext {

inline constexpr std::size_t kLongestName = 255;

struct DirectoryBlock {
  std::span<std::byte> bytes;  // exactly one file system block
  bool verified = false;       // its checksum was found right since it was loaded
};

// Says to a person what does not hold together.
class CorruptionReport {
 public:
  CorruptionReport() = default;
  CorruptionReport(const CorruptionReport&) = delete;
  CorruptionReport& operator=(const CorruptionReport&) = delete;
  virtual ~CorruptionReport() = default;

  // block is an index into this directory. Called before EUCLEAN is returned (or a slower way is
  // taken), possibly for every operation on the same broken block.
  virtual void corrupted(std::uint32_t block, std::string_view what) = 0;
};

// Where the blocks of one directory live. A block stays valid and at the same address until the
// end of the current operation of Directory, or until done_with().
class DirectoryBlocks : public CorruptionReport {
 public:
  // i_size divided by the block size.
  virtual std::uint32_t count() const = 0;
  // Only asked for index < count(). A hole is for the implementation to refuse (EUCLEAN).
  virtual Outcome<DirectoryBlock> block(std::uint32_t index) = 0;
  // The checksum of the loaded block is right: `verified` from now on, until it is loaded again.
  virtual void mark_verified(std::uint32_t index) = 0;
  // The content changed and its checksum is set already; goes to the medium later.
  virtual Outcome<void> changed(std::uint32_t index) = 0;
  // A new block of zeros at the end (i_size grows with it, counts as verified); its index. ENOSPC
  // also where the format allows no longer directory.
  virtual Outcome<std::uint32_t> append() = 0;
  // The first block from `index` on that is not in a hole; count() where there is none. A hole is
  // reported as damage.
  virtual Outcome<std::uint32_t> next_mapped(std::uint32_t index) { return index; }
  // A scan is over with this block, and all that block() gave is void: an owner lets others work
  // now and then. An error ends the scan: somebody gave up waiting for it, or it costs too much.
  virtual Outcome<void> done_with(std::uint32_t /*index*/) { return {}; }
  // Whether done_with() would do so now. For scans that have more to give up than a block.
  [[nodiscard]] virtual bool turn_is_over() const { return false; }
  // EXT4_INDEX_FL of the inode.
  virtual bool indexed() const = 0;
  // EXT4_CASEFOLD_FL of the inode. Without DirectoryFormat::folding it means nothing.
  [[nodiscard]] virtual bool folded() const { return false; }
  virtual Outcome<void> set_indexed(bool indexed) = 0;
};

// What the superblock says about all directories.
struct DirectoryFormat {
  std::uint32_t block_size = 0;
  bool file_types = false;                  // incompat filetype
  bool checksums = false;                   // ro_compat metadata_csum
  bool dir_index = false;                   // compat dir_index
  bool large_directories = false;           // incompat largedir
  std::uint8_t default_hash_version = 0;    // s_def_hash_version: 0 legacy, 1 half_md4, 2 tea
  bool unsigned_hash = false;               // s_flags & EXT2_FLAGS_UNSIGNED_HASH
  std::array<std::uint32_t, 4> hash_seed;   // s_hash_seed in the byte order of the machine
  std::optional<NameFolding> folding = {};  // incompat casefold

  // What is to be used in a directory: none where names are found exactly as they are.
  [[nodiscard]] const NameFolding* folding_in(bool folded) const {
    return folded && folding ? &*folding : nullptr;
  }
};

struct Entry {
  std::uint32_t inode = 0;
  std::uint8_t type = 0;        // EXT2_FT_*; written and returned as 0 without file_types
  bool other_spelling = false;  // returned: its name is not quite what was asked for
};

struct ListedEntry {
  std::uint32_t inode = 0;
  std::uint8_t type = 0;
  std::string_view name;   // points into the block
  std::uint64_t next = 0;  // cookie to continue after this entry; never above INT64_MAX
};

// A reference to a callable bool(const ListedEntry&) that outlives the call it is passed to.
class ListVisitor {
 public:
  template <typename Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, ListVisitor>)
  ListVisitor(Callable&& callable)  // NOLINT(google-explicit-constructor): stands for a lambda
      : object_(std::addressof(callable)), call_([](const void* object, const ListedEntry& entry) {
          using Object = std::remove_reference_t<Callable>;
          return static_cast<bool>((*static_cast<Object*>(const_cast<void*>(object)))(entry));
        }) {}
  bool operator()(const ListedEntry& entry) const { return call_(object_, entry); }

 private:
  const void* object_;
  bool (*call_)(const void*, const ListedEntry&);
};

// Where a linear directory surely has no room: before first_block[n] no block takes an entry of
// 4 * n bytes. Kept by the caller beside its inode for as long as it likes; a fresh one is always
// right, and only Directory may change what it was used with.
struct InsertHint {
  std::array<std::uint32_t, 67> first_block{};
};

// Made for each operation, or kept; holds no state between operations. One thread at a time.
class Directory {
 public:
  // Format, blocks and the hint stay the caller's and must outlive this. inode_checksum_seed is
  // crc32c(crc32c(file system seed, inode), generation).
  Directory(const DirectoryFormat& format, DirectoryBlocks& blocks, std::uint32_t inode,
            std::uint32_t inode_checksum_seed, InsertHint* hint = nullptr);

  // ENOENT when there is no such name. "." and ".." are found too.
  Outcome<Entry> lookup(std::string_view name);
  // The caller knows that the name is not there. ENOSPC from append passes on; it also means that
  // the index cannot grow any more. A failed insert leaves the directory as valid as before.
  Outcome<void> insert(std::string_view name, Entry entry);
  // ENOENT when there is no such name.
  Outcome<void> remove(std::string_view name);
  // Points an existing name (a rename over it, "..") to another inode; ENOENT.
  Outcome<void> replace(std::string_view name, Entry entry);
  // The block that has the name, as an index into the directory; ENOENT.
  Outcome<std::uint32_t> block_of(std::string_view name);
  // Whether nothing but "." and ".." is in it.
  Outcome<bool> empty();
  // "." and ".." in block 0 of a new directory; appends that block when there is none.
  Outcome<void> initialize(std::uint32_t parent);
  // Visits entries from the cookie on; 0 is the start. visit returns false to stop (buffer full);
  // that entry comes again when asked with the `next` of the one before it. Cookies are made from
  // names and nothing else wherever the kernel could index the directory, so they survive
  // creation, removal, splits and a change of driver; elsewhere they are byte offsets. Blocks
  // that cannot be believed are left out, and the call that finds nothing more says EUCLEAN; other
  // failures after the first entry wait for the call that would start with them.
  Outcome<void> list(std::uint64_t cookie, ListVisitor visit);

 private:
  const DirectoryFormat& format_;
  DirectoryBlocks& blocks_;
  std::uint32_t inode_;
  std::uint32_t seed_;
  InsertHint* hint_;
};

}  // namespace airlock::ext
