// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/tests/fat_image.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

namespace airlock::fat {

std::vector<std::byte> make_fat_image(const std::string& options, unsigned kibibytes) {
  constexpr std::string_view kExfat = "exfat";
  if (!options.starts_with(kExfat))
    return image_made_by(fmt::format("mkfs.fat {} -C $image {}", options, kibibytes));
  return image_made_by(fmt::format("truncate -s {}K $image && mkfs.exfat {} $image", kibibytes,
                                   options.substr(kExfat.size())));
}

Opinion fsck_fat(std::span<const std::byte> image) {
  ScratchMedium medium(image);
  return fsck_fat(medium);
}

Opinion fsck_fat(ScratchMedium& medium) {
  const bool exfat = std::memcmp(medium.bytes().data() + 3, "EXFAT", 5) == 0;
  return medium_given_to(exfat ? "fsck.exfat -n $image" : "fsck.fat -n $image", medium);
}

}  // namespace airlock::fat
