// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

// Whole filesystems in memory for tests that need neither root nor a mount: made by mke2fs, judged
// by e2fsck. Without these programs a test using them fails.
namespace airlock::ext::testing {

// `size` as mke2fs takes it.
std::vector<std::byte> make_image(const std::string& options, const std::string& size);

struct Verdict {
  int status = 0;                // as e2fsck exits: 0 clean, 1 repaired, from 4 on not
  std::string report;            // what it said
  std::vector<std::byte> image;  // after it
};
enum class Fsck { kLook, kRepair };
Verdict fsck(std::span<const std::byte> image, Fsck how);

}  // namespace airlock::ext::testing
