// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <random>

namespace airlock::bench {

Result<UniqueFd> open_file(const std::string& path, int flags) {
  UniqueFd file{::open(path.c_str(), flags | O_CLOEXEC, 0644)};
  if (!file.valid()) return fail_errno(errno, errc_from_errno(errno), "open {}", path);
  return file;
}

Result<std::uint64_t> file_size(BorrowedFd file, const std::string& path) {
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, Errc::kSystem, "fstat {}", path);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> read_block(BorrowedFd file, std::span<std::byte> block, std::uint64_t offset) {
  const auto done = ::pread(file.get(), block.data(), block.size(), static_cast<off_t>(offset));
  if (done < 0) return fail_errno(errno, Errc::kIo, "read at {}", offset);
  if (static_cast<std::size_t>(done) != block.size())
    return fail(Errc::kIo, "read at {}: {} of {} bytes", offset, done, block.size());
  return {};
}

Result<void> write_block(BorrowedFd file, std::span<const std::byte> block, std::uint64_t offset) {
  const auto done = ::pwrite(file.get(), block.data(), block.size(), static_cast<off_t>(offset));
  if (done < 0) return fail_errno(errno, Errc::kIo, "write at {}", offset);
  if (static_cast<std::size_t>(done) != block.size())
    return fail(Errc::kIo, "write at {}: {} of {} bytes", offset, done, block.size());
  return {};
}

Result<void> flush_file(BorrowedFd file) {
  if (::fsync(file.get()) != 0) return fail_errno(errno, Errc::kIo, "fsync");
  return {};
}

std::vector<std::byte> noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
  return bytes;
}

}  // namespace airlock::bench
