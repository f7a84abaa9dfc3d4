// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/tests/image_tools.h"

namespace airlock::fat {

// A fresh filesystem of that many KiB, made by mkfs.fat with these options; by mkfs.exfat if the
// options begin with "exfat".
std::vector<std::byte> make_fat_image(const std::string& options, unsigned kibibytes);

// The verdict of fsck.fat or fsck.exfat: 0, nothing to repair. Does not change the image.
Opinion fsck_fat(std::span<const std::byte> image);
Opinion fsck_fat(ScratchMedium& medium);

}  // namespace airlock::fat
