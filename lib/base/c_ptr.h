// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

namespace airlock {

// A unique_ptr for handles of C libraries, parameterised by their release function: CPtr<udev,
// udev_unref>.
template <auto Release>
struct CRelease {
  template <typename T>
  void operator()(T* handle) const noexcept {
    (void)Release(handle);
  }
};

template <typename T, auto Release>
using CPtr = std::unique_ptr<T, CRelease<Release>>;

}  // namespace airlock
