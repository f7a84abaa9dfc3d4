// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Identifies a block device and the medium in it.
struct BlockIdentity {
  dev_t number = 0;
  std::uint64_t disk_sequence = 0;  // 0: any medium
};

// Tells one medium in a drive from the next; 0 if the kernel doesn't count them (before 5.15) or
// the file is not a block device.
std::uint64_t disk_sequence_of(BorrowedFd device);

// Fails if the name or the drive has got another device or medium since it was looked up. `shown`
// is its name in messages.
Result<void> require_block_device(BorrowedFd device, const BlockIdentity& meant,
                                  const std::string& shown);

}  // namespace airlock
