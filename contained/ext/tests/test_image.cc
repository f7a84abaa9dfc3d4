// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/tests/test_image.h"

#include <fmt/format.h>

namespace airlock::ext::testing {
namespace {

const char* command_for(Fsck how) {
  return how == Fsck::kLook ? "e2fsck -fn $image" : "e2fsck -fy $image";
}

}  // namespace

std::vector<std::byte> make_image(const std::string& options, const std::string& size) {
  auto bytes = image_made_by(fmt::format("mke2fs -q -F {} $image {}", options, size));
  bytes.resize(bytes.size() / 1024 * 1024);
  return bytes;
}

Verdict fsck(std::span<const std::byte> image, Fsck how) {
  return image_given_to(command_for(how), image);
}

Opinion fsck(ScratchMedium& medium, Fsck how) {
  return medium_given_to(command_for(how), medium);
}

}  // namespace airlock::ext::testing
