// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/fast_commits.h"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/base/byte_view.h"

namespace airlock::check {
namespace {

constexpr off_t kSuperblockAt = 1024;
constexpr std::size_t kMagicAt = 0x38, kCompatibleAt = 0x5c, kIncompatibleAt = 0x60;
constexpr std::uint16_t kMagic = 0xef53;
constexpr std::uint32_t kFastCommit = 0x400;
constexpr std::uint32_t kNeedsRecovery = 0x4;

}  // namespace

bool may_hold_fast_commits(BorrowedFd medium) {
  std::array<std::byte, 1024> superblock{};
  const ssize_t length = ::pread(medium.get(), superblock.data(), superblock.size(), kSuperblockAt);
  if (length != static_cast<ssize_t>(superblock.size())) return false;
  const auto word = [&](std::size_t at) { return load_le<std::uint32_t>(superblock, at).value(); };
  return load_le<std::uint16_t>(superblock, kMagicAt).value() == kMagic &&
         (word(kCompatibleAt) & kFastCommit) != 0 && (word(kIncompatibleAt) & kNeedsRecovery) != 0;
}

}  // namespace airlock::check
