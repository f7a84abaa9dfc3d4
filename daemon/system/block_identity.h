// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Which block device is meant, and which medium in it.
struct BlockIdentity {
  dev_t number = 0;
  std::uint64_t disk_sequence = 0;  // 0: any medium
};

// Tells one medium in a drive from the next; 0 where the kernel doesn't count them (before 5.15),
// and for what is not a block device.
std::uint64_t disk_sequence_of(BorrowedFd device);

// Between looking a device up and opening it another one may have got the name, or another medium
// have come in. `shown` is what messages call it.
Result<void> require_block_device(BorrowedFd device, const BlockIdentity& meant,
                                  const std::string& shown);

}  // namespace airlock
