// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <expected>

#include "lib/base/error.h"

namespace airlock {

// Inside a driver a failed operation ends as an errno for the caller of the system call, so that
// is all it carries; it costs nothing to make or pass on, and TRY works with it. What a person
// should read is logged where it is found. Starting a driver uses Result<> with its full text.
struct [[nodiscard]] Errno {
  int value;
  friend bool operator==(Errno, Errno) = default;
};

template <typename T>
using Outcome = std::expected<T, Errno>;

[[nodiscard]] inline std::unexpected<Errno> refuse(int error_number) {
  return std::unexpected(Errno{error_number});
}

}  // namespace airlock
