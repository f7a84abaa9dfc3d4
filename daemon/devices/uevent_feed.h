// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/devices/udev_handles.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// One message about a block device. It only hints where to look: when it is read, the device may
// have been replaced.
struct Uevent {
  std::string action;  // "add", "change", "remove", ...
  std::string sysfs_path;
  dev_t number = 0;
  std::uint64_t sequence_number = 0;  // grows with every message of the kernel; 0: not known
  std::uint64_t disk_sequence = 0;    // of the disk at that time; 0: not known
};

// A source of messages. Owned by a UdevDeviceSource; tests use their own to reorder, duplicate and
// lose messages.
class UeventFeed {
 public:
  enum class Next {
    kEvent,    // one message was read
    kNothing,  // no more for now
    kLost,     // messages were lost because we read too late; more may follow
  };
  // The sender of the messages: udevd, after its rules ran, or the kernel itself.
  enum class Voice { kUdevd, kKernel };

  virtual ~UeventFeed() = default;
  virtual Next next(Uevent& event) = 0;
  [[nodiscard]] virtual BorrowedFd descriptor() const = 0;
  [[nodiscard]] virtual Voice voice() const = 0;
};

// The voice to listen to on this machine: udevd's if it answers on its control socket.
UeventFeed::Voice present_voice(const std::string& control_socket = "/run/udev/control");

struct NetlinkOptions {
  UeventFeed::Voice voice = UeventFeed::Voice::kUdevd;
  // Room for about ten thousand unread messages. Memory is only used when needed.
  int receive_buffer = 16 * 1024 * 1024;
};

// The messages of this machine, through libudev, which checks that they come from root.
class NetlinkFeed : public UeventFeed {
 public:
  static Result<std::unique_ptr<UeventFeed>> open(NetlinkOptions options);

  Next next(Uevent& event) override;
  [[nodiscard]] BorrowedFd descriptor() const override;
  [[nodiscard]] Voice voice() const override { return voice_; }

 private:
  NetlinkFeed(UdevContext context, UdevMonitor monitor, Voice voice);

  UdevContext context_;
  UdevMonitor monitor_;
  Voice voice_;
};

}  // namespace airlock
