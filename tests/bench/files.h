// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

// The few file calls that all loads share, each failing with the path in its message. Nothing here
// takes the time and nothing retries: a short read or write in the middle of a file is a failure of
// the filesystem under test and must be reported.
namespace airlock::bench {

Result<UniqueFd> open_file(const std::string& path, int flags);
Result<std::uint64_t> file_size(BorrowedFd file, const std::string& path);
Result<void> read_block(BorrowedFd file, std::span<std::byte> block, std::uint64_t offset);
Result<void> write_block(BorrowedFd file, std::span<const std::byte> block, std::uint64_t offset);
Result<void> flush_file(BorrowedFd file);

// Bytes that neither compress nor look like a hole.
std::vector<std::byte> noise(std::size_t size, std::uint64_t seed);

}  // namespace airlock::bench
