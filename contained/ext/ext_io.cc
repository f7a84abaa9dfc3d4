// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/ext_io.h"

#include <et/com_err.h>

#include <array>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

namespace airlock::ext {
namespace {

constexpr std::string_view kName = "airlock";

// The manager's open() gets a name and nothing else, so the medium waits here for it. Opening
// happens once, in the only thread there is at that time.
BlockIo* medium_to_open = nullptr;

BlockIo& medium_of(io_channel channel) {
  return *static_cast<BlockIo*>(channel->private_data);
}

// In libext2fs a negative count is a number of bytes.
std::uint64_t length_of(io_channel channel, int count) {
  return count < 0
             ? static_cast<std::uint64_t>(-static_cast<std::int64_t>(count))
             : static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(channel->block_size);
}

errcode_t read_blocks(io_channel channel, unsigned long long block, int count,
                      void* data) noexcept {
  const auto block_size = static_cast<std::uint64_t>(channel->block_size);
  std::uint64_t offset = 0;
  if (__builtin_mul_overflow(block, block_size, &offset)) return EXT2_ET_SHORT_READ;
  const auto done = medium_of(channel).read(
      offset, std::span(static_cast<std::byte*>(data), length_of(channel, count)));
  return done ? 0 : done.error().value;
}

errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void* data) noexcept {
  return read_blocks(channel, block, count, data);
}

errcode_t refuse_write(io_channel, unsigned long, int, const void*) noexcept {
  return EROFS;
}
errcode_t refuse_write_64(io_channel, unsigned long long, int, const void*) noexcept {
  return EROFS;
}
errcode_t set_block_size(io_channel channel, int size) noexcept {
  channel->block_size = size;
  return 0;
}
errcode_t nothing(io_channel) noexcept {
  return 0;
}

errcode_t close_channel(io_channel channel) noexcept {
  if (--channel->refcount > 0) return 0;
  delete channel;
  return 0;
}

errcode_t open_channel(const char*, int, io_channel* channel) noexcept;

io_manager manager() {
  static struct_io_manager instance = [] {
    struct_io_manager m = {};
    m.magic = EXT2_ET_MAGIC_IO_MANAGER;
    m.name = kName.data();
    m.open = open_channel;
    m.close = close_channel;
    m.set_blksize = set_block_size;
    m.read_blk = read_blocks_32;
    m.write_blk = refuse_write;
    m.flush = nothing;
    m.read_blk64 = read_blocks;
    m.write_blk64 = refuse_write_64;
    return m;
  }();
  return &instance;
}

errcode_t open_channel(const char*, int, io_channel* channel) noexcept {
  auto* opened = new (std::nothrow) struct_io_channel{};
  if (opened == nullptr) return ENOMEM;
  opened->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  opened->manager = manager();
  opened->name = const_cast<char*>(kName.data());  // the library only prints it
  opened->block_size = 1024;
  opened->refcount = 1;
  opened->private_data = medium_to_open;
  *channel = opened;
  return 0;
}

Errc errc_for(errcode_t code) {
  switch (code) {
    case EXT2_ET_BAD_MAGIC:
      return Errc::kWrongFormat;
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_REV_TOO_HIGH:
      return Errc::kUnsupported;
    case EXT2_ET_NO_MEMORY:
    case ENOMEM:
      return Errc::kOutOfMemory;
    case EIO:
    case EXT2_ET_SHORT_READ:
      return Errc::kIo;
    default:
      return Errc::kCorrupted;
  }
}

}  // namespace

Result<FilesystemHandle> open_filesystem(BlockIo& io) {
  initialize_ext2_error_table();
  medium_to_open = &io;
  ext2_filsys opened = nullptr;
  const errcode_t code = ext2fs_open2(
      "medium", nullptr, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES | EXT2_FLAG_SKIP_MMP, 0, 0,
      manager(), &opened);
  medium_to_open = nullptr;
  FilesystemHandle handle(opened);
  if (code != 0) return fail(errc_for(code), "{}", error_message(code));
  return handle;
}

}  // namespace airlock::ext
