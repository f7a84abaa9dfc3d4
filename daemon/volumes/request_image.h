// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/api/held_file.h"
#include "lib/base/error.h"

namespace airlock {

// Whether a file can be mounted as an image: a regular, non-empty file that is open for reading.
Result<void> require_image(const FileFacts& facts);

// The image's name for people, fit for the mount table: bounded, without control characters.
std::string image_name(std::string_view given);

}  // namespace airlock
