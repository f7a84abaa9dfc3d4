// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/erase.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace airlock::check {
namespace {

constexpr off_t kEnd = off_t{1} << 20;

Result<void> write_zeroes(BorrowedFd medium, off_t from, off_t to) {
  static constexpr std::array<std::byte, 65536> kZeroes{};
  while (from < to) {
    const auto length = std::min<std::size_t>(kZeroes.size(), static_cast<std::size_t>(to - from));
    const ssize_t written = ::pwrite(medium.get(), kZeroes.data(), length, from);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      return fail_errno(written == 0 ? EIO : errno, Errc::kIo, "erase the medium at {}", from);
    from += written;
  }
  return {};
}

}  // namespace

Result<void> erase_ends(BorrowedFd medium) {
  const off_t size = ::lseek(medium.get(), 0, SEEK_END);
  if (size < 0) return fail_errno(errno, Errc::kIo, "ask for the size of the medium");
  TRY_VOID(write_zeroes(medium, 0, std::min(kEnd, size)));
  TRY_VOID(write_zeroes(medium, std::max(std::min(kEnd, size), size - kEnd), size));
  if (::fsync(medium.get()) != 0) return fail_errno(errno, Errc::kIo, "erase the medium");
  return {};
}

}  // namespace airlock::check
