// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "daemon/loop/errand.h"
#include "daemon/loop/event_loop.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// What a descriptor is that somebody wants mounted as an image.
struct ImageCheck {
  bool writable = false;
  std::uint64_t size = 0;
};

// Finds out whether it is a regular file that can be read. The file may lie on a filesystem that
// does not answer (a FUSE server of the caller's own, say), so it is asked in an errand. `done` is
// called once, from the loop, unless the errand is destroyed before.
using ImageChecked = std::move_only_function<void(Result<ImageCheck>)>;
Result<Errand> check_image(EventLoop& loop, BorrowedFd image, ImageChecked done);

// The name people call it by, fit for the mount table: bounded, no control characters.
std::string image_name(std::string_view given);

}  // namespace airlock
