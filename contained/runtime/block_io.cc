// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/block_io.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace airlock {
namespace {

constexpr std::uint64_t kWriteBehind = std::uint64_t{256} << 10;

// Drops the bytes already transferred from the front of a scatter list.
std::span<iovec> advance(std::span<iovec> parts, std::size_t done) {
  while (!parts.empty() && done >= parts.front().iov_len) {
    done -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + done;
    parts.front().iov_len -= done;
  }
  return parts;
}

// The page cache gives only whole folios up, and none is larger than this.
constexpr std::uint64_t kLargestFolio = std::uint64_t{2} << 20;

ssize_t write_durably(int descriptor, const iovec* parts, int count, off_t offset) {
  return ::pwritev2(descriptor, parts, count, offset, RWF_DSYNC);
}

// What became of a device that was pulled out: the kernel lets it shrink to nothing, and writing
// behind its end is "no space left". To our callers that would mean a full filesystem.
int medium_error(int error, bool is_device) {
  const bool gone = error == ENOSPC || error == ENODEV || error == ENXIO;
  return is_device && gone ? EIO : error;
}

using Transfer = ssize_t (*)(int, const iovec*, int, off_t);

Outcome<void> transfer_all(Transfer transfer, int descriptor, std::uint64_t size,
                           std::uint64_t offset, std::span<iovec> parts) {
  std::uint64_t length = 0;
  for (const iovec& part : parts) length += part.iov_len;
  if (offset > size || length > size - offset) return refuse(EIO);
  while (length > 0) {
    const int count = static_cast<int>(std::min<std::size_t>(parts.size(), IOV_MAX));
    const ssize_t done = transfer(descriptor, parts.data(), count, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return refuse(errno);
    if (done == 0) return refuse(EIO);  // the device became shorter than it was
    parts = advance(parts, static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
    length -= static_cast<std::uint64_t>(done);
  }
  return {};
}

}  // namespace

Result<DescriptorIo> DescriptorIo::adopt(UniqueFd&& descriptor) {
  struct stat info = {};
  if (::fstat(descriptor.get(), &info) != 0)
    return fail_errno(errno, Errc::kSystem, "look at the medium's descriptor");
  std::uint64_t size = 0;
  if (S_ISBLK(info.st_mode)) {
    if (::ioctl(descriptor.get(), BLKGETSIZE64, &size) != 0)
      return fail_errno(errno, Errc::kIo, "ask the device for its size");
  } else if (S_ISREG(info.st_mode)) {
    size = static_cast<std::uint64_t>(info.st_size);
  } else {
    return fail(Errc::kInvalidArgument, "the medium is neither a block device nor a file");
  }
  const int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags < 0) return fail_errno(errno, Errc::kSystem, "ask for the medium's access mode");
  return DescriptorIo(std::move(descriptor), size, (flags & O_ACCMODE) == O_RDWR,
                      S_ISBLK(info.st_mode));
}

Outcome<void> DescriptorIo::judge(Outcome<void> outcome) const {
  return outcome ? outcome : refuse(medium_error(outcome.error().value, is_device_));
}

Outcome<void> DescriptorIo::read(std::uint64_t offset, std::span<std::byte> into) {
  iovec part = {.iov_base = into.data(), .iov_len = into.size()};
  return read_scatter(offset, std::span(&part, 1));
}

Outcome<void> DescriptorIo::write(std::uint64_t offset, std::span<const std::byte> from) {
  // pwritev only reads from the part; iovec has no const form.
  iovec part = {.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
  return write_gather(offset, std::span(&part, 1));
}

Outcome<void> DescriptorIo::read_scatter(std::uint64_t offset, std::span<iovec> parts) {
  return judge(transfer_all(::preadv, descriptor_.get(), size_, offset, parts));
}

Outcome<void> DescriptorIo::write_gather(std::uint64_t offset, std::span<iovec> parts) {
  if (!writable_) return refuse(EROFS);
  std::uint64_t length = 0;
  for (const iovec& part : parts) length += part.iov_len;
  TRY_VOID(judge(transfer_all(::pwritev, descriptor_.get(), size_, offset, parts)));
  // Large data is on its way to the medium while the next is being copied, so that the flush at
  // the end has little left to wait for. Only a hint: flush() is what counts.
  if (length >= kWriteBehind)
    (void)::sync_file_range(descriptor_.get(), static_cast<off_t>(offset),
                            static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
  return {};
}

Outcome<void> DescriptorIo::flush() {
  if (!writable_) return {};
  while (::fdatasync(descriptor_.get()) != 0) {
    if (errno != EINTR) return judge(refuse(errno));
  }
  return {};
}

Outcome<void> DescriptorIo::discard(std::uint64_t offset, std::uint64_t length) {
  if (!writable_) return refuse(EROFS);
  if (offset > size_ || length > size_ - offset) return refuse(EINVAL);
  if (is_device_) {
    std::uint64_t range[2] = {offset, length};
    return ::ioctl(descriptor_.get(), BLKDISCARD, &range) == 0 ? Outcome<void>{} : refuse(errno);
  }
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return ::fallocate(descriptor_.get(), mode, static_cast<off_t>(offset),
                     static_cast<off_t>(length)) == 0
             ? Outcome<void>{}
             : refuse(errno);
}

// A buffered descriptor has no read past the page cache, but the cache can be asked to give up what
// is clean around the place. It does not promise to: pages somebody else is just using, or has
// changed, stay. So what another computer wrote to a shared medium is usually seen, not always.
Outcome<void> DescriptorIo::read_uncached(std::uint64_t offset, std::span<std::byte> into) {
  const std::uint64_t begin = offset / kLargestFolio * kLargestFolio;
  const std::uint64_t end = std::min(offset + into.size(), size_);
  if (begin < end) {
    const std::uint64_t whole = (end - begin + kLargestFolio - 1) / kLargestFolio * kLargestFolio;
    // Only advice; the read works either way.
    (void)::posix_fadvise(descriptor_.get(), static_cast<off_t>(begin), static_cast<off_t>(whole),
                          POSIX_FADV_DONTNEED);
  }
  return read(offset, into);
}

Outcome<void> DescriptorIo::write_through(std::uint64_t offset, std::span<const std::byte> from) {
  if (!writable_) return refuse(EROFS);
  iovec part = {.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
  return judge(transfer_all(write_durably, descriptor_.get(), size_, offset, std::span(&part, 1)));
}

}  // namespace airlock
