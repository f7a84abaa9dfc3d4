// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "lib/base/unique_fd.h"

namespace airlock {

// A real loop device over its own file in memory, for tests that run as root. It goes with the
// object, however the test ends.
class LoopDevice {
 public:
  explicit LoopDevice(off_t size = 8 * 1024 * 1024)
      : file_(::memfd_create("loop-test", MFD_CLOEXEC)) {
    if (::ftruncate(file_.get(), size) != 0) return;
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    // Another program may take the free one first; then there is another.
    for (int tries = 0; tries < 20 && !device_.valid(); ++tries)
      attach(::ioctl(control.get(), LOOP_CTL_GET_FREE));
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice() {
    if (!backing_file().empty()) (void)::ioctl(device_.get(), LOOP_CLR_FD, 0);
  }

  [[nodiscard]] bool valid() const { return device_.valid(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string node() const { return "/dev/" + name_; }
  [[nodiscard]] dev_t number() const {
    struct stat info = {};
    (void)::stat(node().c_str(), &info);
    return info.st_rdev;
  }

  // The backing file according to the kernel; empty once detached.
  [[nodiscard]] std::string backing_file() const {
    const UniqueFd file(
        ::open(("/sys/block/" + name_ + "/loop/backing_file").c_str(), O_RDONLY | O_CLOEXEC));
    char text[256] = {};
    if (!file.valid() || ::read(file.get(), text, sizeof text - 1) <= 0) return {};
    return text;
  }

  // The device may only be detached once no process has it open.
  void close_own() { device_.reset(); }

 private:
  void attach(int index) {
    if (index < 0) return;
    const std::string name = "loop" + std::to_string(index);
    UniqueFd device(::open(("/dev/" + name).c_str(), O_RDWR | O_CLOEXEC));
    loop_config config = {};
    config.fd = static_cast<std::uint32_t>(file_.get());
    if (!device.valid() || ::ioctl(device.get(), LOOP_CONFIGURE, &config) != 0) return;
    device_ = std::move(device);
    name_ = name;
  }

  UniqueFd file_;
  UniqueFd device_;
  std::string name_;
};

}  // namespace airlock
