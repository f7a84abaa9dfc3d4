// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace airlock::fat {

// A fresh filesystem of so many KiB, made by mkfs.fat with these options; by mkfs.exfat where the
// options begin with "exfat".
std::vector<std::byte> make_fat_image(const std::string& options, unsigned kibibytes);

struct Verdict {
  int status = -1;  // 0: nothing to repair
  std::string report;
};
// What fsck.fat or fsck.exfat thinks of it; the image stays as it is.
Verdict fsck_fat(std::span<const std::byte> image);

}  // namespace airlock::fat
