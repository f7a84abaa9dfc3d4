// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/volumes/request_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/volumes/properties.h"

namespace airlock {
namespace {

constexpr std::size_t kMostName = 255;

}  // namespace

Result<void> require_image(const FileFacts& facts) {
  if ((facts.flags & O_PATH) != 0 || (facts.flags & O_ACCMODE) == O_WRONLY)
    return fail(Errc::kInvalidArgument, "the image was not opened for reading");
  if (!S_ISREG(facts.mode)) return fail(Errc::kInvalidArgument, "an image must be a regular file");
  if (facts.size == 0) return fail(Errc::kWrongFormat, "the image is empty");
  return {};
}

std::string image_name(std::string_view given) {
  std::string name = showable(given.substr(0, kMostName));
  return name.empty() ? "image" : name;
}

}  // namespace airlock
