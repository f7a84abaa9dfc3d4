// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/tests/fat_image.h"

#include <fmt/format.h>

namespace airlock::fat {

std::vector<std::byte> make_fat_image(const std::string& options, unsigned kibibytes) {
  return image_made_by(fmt::format("mkfs.fat {} -C $image {}", options, kibibytes));
}

Verdict fsck_fat(std::span<const std::byte> image) {
  return image_given_to("fsck.fat -n $image", image);
}

}  // namespace airlock::fat
