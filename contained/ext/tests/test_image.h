// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/tests/image_tools.h"

namespace airlock::ext::testing {

// Made by mke2fs; `size` as it takes it.
std::vector<std::byte> make_image(const std::string& options, const std::string& size);

// What e2fsck thinks of it: 0 clean, 1 repaired, from 4 on not.
enum class Fsck { kLook, kRepair };
Verdict fsck(std::span<const std::byte> image, Fsck how);
Opinion fsck(ScratchMedium& medium, Fsck how);

}  // namespace airlock::ext::testing
